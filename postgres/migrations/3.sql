-- Certificates, accounts at CAs, challenges and the count of orders, as keys and values that all replicas share, and the locks of those who order.

CREATE TABLE mailhint.acme_values (
    key text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL,
    modified timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE mailhint.acme_locks (
    name text COLLATE "C" PRIMARY KEY,
    holder uuid NOT NULL,           -- random for each lock that is taken
    expires timestamptz NOT NULL
);
