-- What a person knows of accounts, whatever their profiles say.
CREATE TABLE accounts (
    platform TEXT NOT NULL,
    author TEXT NOT NULL COLLATE NOCASE,
    is_bot INTEGER NOT NULL CHECK (is_bot IN (0, 1)),
    noted_at TEXT NOT NULL,
    PRIMARY KEY (platform, author)
) STRICT
