-- Where in a picture the bot's answer comes from: the picture itself is not kept.
ALTER TABLE predictions ADD COLUMN evidence TEXT
