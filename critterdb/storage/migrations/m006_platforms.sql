-- What stays when somebody who opted out takes another handle.
ALTER TABLE opt_outs ADD COLUMN author_id TEXT;

CREATE INDEX opt_outs_platform_author_id ON opt_outs (platform, author_id)
