"""/-/classify: the endpoint and its page."""
