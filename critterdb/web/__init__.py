"""What Datasette shows of a site: the classifying endpoint, photos, thumbnails and pages.

The hooks that open these doors stand in `hooks.py`; `plugins/critterdb_plugin.py` registers them.
"""
