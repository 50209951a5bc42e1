-- Accounts, tokens, sessions and the audit trail of the API and the page.

CREATE TABLE mailhint.accounts (
    name text COLLATE "C" PRIMARY KEY,
    role text NOT NULL,
    domains text[] NOT NULL,
    profiles text[] NOT NULL,
    password text NOT NULL,         -- its hash
    totp text NOT NULL,             -- the secret of the authenticator app
    recovery_codes text[] NOT NULL, -- their hashes
    disabled boolean NOT NULL,
    created timestamptz NOT NULL,
    revision bigint NOT NULL        -- random
);

CREATE TABLE mailhint.tokens (
    name text COLLATE "C" PRIMARY KEY,
    hash text NOT NULL UNIQUE,
    role text NOT NULL,
    domains text[] NOT NULL,
    profiles text[] NOT NULL,
    creator text NOT NULL,
    parent text NOT NULL,
    created timestamptz NOT NULL,
    expires timestamptz,            -- null for never
    used timestamptz,
    used_by text NOT NULL DEFAULT ''
);
CREATE INDEX tokens_creator ON mailhint.tokens (creator);

CREATE TABLE mailhint.sessions (
    id text PRIMARY KEY,            -- the hash of the secret in the cookie
    account text NOT NULL,
    stamp text NOT NULL,
    external jsonb,                 -- what an identity provider said
    code_needed boolean NOT NULL,
    wrong_codes int NOT NULL,
    created timestamptz NOT NULL,
    expires timestamptz NOT NULL,
    user_agent text NOT NULL,
    used timestamptz,
    used_by text NOT NULL DEFAULT ''
);
CREATE INDEX sessions_account ON mailhint.sessions (account);
CREATE INDEX sessions_expires ON mailhint.sessions (expires);

-- What must not happen twice, such as the use of a code.
CREATE TABLE mailhint.facts (
    fact text PRIMARY KEY,
    until timestamptz NOT NULL
);
CREATE INDEX facts_until ON mailhint.facts (until);

CREATE TABLE mailhint.audit (
    number bigint PRIMARY KEY,      -- from 1, without gaps
    time timestamptz NOT NULL,
    actor text NOT NULL,
    token text NOT NULL,
    address text NOT NULL,
    action text NOT NULL,
    refused boolean NOT NULL,
    domain text NOT NULL,
    subject text NOT NULL,
    revision text NOT NULL,
    detail text NOT NULL
);
CREATE INDEX audit_domain ON mailhint.audit (domain, number) WHERE domain <> '';
CREATE INDEX audit_actor ON mailhint.audit (actor, number);
