-- Domains and profiles, their history, and what replicas follow.

CREATE TYPE mailhint.record_kind AS ENUM ('profile', 'domain');

-- One row, of which each change of a record takes a lock, so that changes become visible in the order of their numbers.
CREATE TABLE mailhint.meta (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- Another database, also one that was restored from a dump into a new cluster, is a different one only if somebody says so. That it has
    -- another past is noticed by the revisions.
    database_id uuid NOT NULL DEFAULT gen_random_uuid(),
    sequence bigint NOT NULL DEFAULT 0, -- the number of the latest change
    revision bigint NOT NULL DEFAULT 0  -- its revision
);
INSERT INTO mailhint.meta DEFAULT VALUES;

CREATE TABLE mailhint.records (
    kind mailhint.record_kind NOT NULL,
    name text COLLATE "C" NOT NULL, -- a mail domain in lower case and A-labels, "*." and such a domain, or the name of a profile
    profile text COLLATE "C",       -- the key profile of a domain
    shown text,                     -- a domain in Unicode, if that is something else; for searches
    own jsonb,                      -- its other keys and their values, as in domains.toml; null for none
    revision bigint NOT NULL DEFAULT 0, -- random: that of its latest change
    sequence bigint NOT NULL DEFAULT 0, -- the number of its latest change
    actor text NOT NULL DEFAULT CURRENT_USER,
    changed timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name),
    CHECK (jsonb_typeof(own) = 'object' AND own <> '{}' AND NOT own ? 'profile'),
    CHECK (kind = 'domain' OR profile IS NULL)
);
CREATE INDEX records_profile ON mailhint.records (profile, name) WHERE profile IS NOT NULL;
CREATE INDEX records_admins ON mailhint.records USING gin ((own -> 'admins') jsonb_path_ops) WHERE own ? 'admins';
CREATE INDEX records_rules ON mailhint.records USING gin ((own -> 'rules') jsonb_path_ops) WHERE own ? 'rules';

-- The aliases of all domains, each once.
CREATE TABLE mailhint.aliases (
    name text COLLATE "C" PRIMARY KEY,
    shown text, -- in Unicode, if that is something else
    domain text COLLATE "C" NOT NULL
);
CREATE INDEX aliases_domain ON mailhint.aliases (domain);
CREATE INDEX aliases_reversed ON mailhint.aliases (reverse(name) COLLATE "C");

CREATE TABLE mailhint.history (
    number bigint PRIMARY KEY, -- from 1, without gaps
    time timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    via text NOT NULL,
    action text NOT NULL,
    reason text NOT NULL DEFAULT '',
    undoes bigint NOT NULL DEFAULT 0,
    kind mailhint.record_kind NOT NULL,
    name text COLLATE "C" NOT NULL,
    before_revision bigint, -- null if the record did not exist
    before_profile text COLLATE "C",
    before_own jsonb,
    revision bigint NOT NULL,
    removed boolean NOT NULL,
    profile text COLLATE "C",
    own jsonb
);
CREATE INDEX history_record ON mailhint.history (kind, name, number);
CREATE INDEX history_time ON mailhint.history (time);

-- Searches for a part of a name use indexes of trigrams. Where their extension cannot be had, they read all names.
DO $$
DECLARE
    place text;
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    SELECT extnamespace::regnamespace INTO place FROM pg_extension WHERE extname = 'pg_trgm';
    EXECUTE format('CREATE INDEX records_search ON mailhint.records USING gin (name %s.gin_trgm_ops)', place);
    EXECUTE format('CREATE INDEX records_search_shown ON mailhint.records USING gin (shown %s.gin_trgm_ops) WHERE shown IS NOT NULL', place);
    EXECUTE format('CREATE INDEX aliases_search ON mailhint.aliases USING gin (name %s.gin_trgm_ops)', place);
    EXECUTE format('CREATE INDEX aliases_search_shown ON mailhint.aliases USING gin (shown %s.gin_trgm_ops) WHERE shown IS NOT NULL', place);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
    RAISE NOTICE 'without the extension pg_trgm searches are slower';
END $$;

-- How many domains have which profile ('' for none), and how many profiles there are.
CREATE TABLE mailhint.counts (
    kind mailhint.record_kind NOT NULL,
    profile text COLLATE "C" NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (kind, profile)
);

-- Changes are made one after the other: the lock is held until their transaction ends.
CREATE FUNCTION mailhint.lock_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7306086861316317024);
    RETURN NULL;
END $$;
CREATE TRIGGER lock_records BEFORE INSERT OR UPDATE OR DELETE ON mailhint.records
    FOR EACH STATEMENT EXECUTE FUNCTION mailhint.lock_records();

CREATE FUNCTION mailhint.count_records(kind mailhint.record_kind, profile text, records bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO mailhint.counts AS c VALUES (kind, coalesce(profile, ''), records)
    ON CONFLICT ON CONSTRAINT counts_pkey DO UPDATE SET records = c.records + EXCLUDED.records
$$;

-- Mailhint numbers its changes and writes their history itself, with mailhint.recorded = 'on'. For other programs, the triggers do it, with the
-- rights of the owner: such a program needs rights on records only.
CREATE FUNCTION mailhint.is_recorded() RETURNS boolean LANGUAGE sql AS $$
    SELECT current_setting('mailhint.recorded', true) IS NOT DISTINCT FROM 'on'
$$;

-- Takes numbers for changes, and returns the one before the first.
CREATE FUNCTION mailhint.take_numbers(changes bigint) RETURNS bigint LANGUAGE sql AS $$
    UPDATE mailhint.meta SET sequence = sequence + changes RETURNING sequence - changes
$$;

CREATE FUNCTION mailhint.random_revision() RETURNS bigint LANGUAGE sql AS $$
    SELECT ('x' || encode(substr(uuid_send(gen_random_uuid()), 1, 8), 'hex'))::bit(64)::bigint
$$;

-- What follows from the changes of another program that the history has got after a number.
CREATE FUNCTION mailhint.follow_others(before bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('mailhint.recorded', 'on', true);
    UPDATE mailhint.records r SET revision = h.revision, sequence = h.number, actor = h.actor, changed = h.time
        FROM mailhint.history h WHERE h.number > before AND h.kind = r.kind AND h.name = r.name AND NOT h.removed;
    PERFORM set_config('mailhint.recorded', 'off', true);
    UPDATE mailhint.meta m SET revision = (SELECT h.revision FROM mailhint.history h WHERE h.number = m.sequence);
    DELETE FROM mailhint.aliases a USING mailhint.history h WHERE h.number > before AND h.kind = 'domain' AND a.domain = h.name;
    INSERT INTO mailhint.aliases (name, domain)
        SELECT lower(alias), h.name
        FROM mailhint.history h, jsonb_array_elements_text(CASE jsonb_typeof(h.own -> 'aliases') WHEN 'array' THEN h.own -> 'aliases' ELSE jsonb_build_array(h.own -> 'aliases') END) AS alias
        WHERE h.number > before AND h.kind = 'domain' AND NOT h.removed AND h.own ? 'aliases'
        ON CONFLICT DO NOTHING;
    PERFORM pg_notify('mailhint', '');
END $$;

CREATE FUNCTION mailhint.records_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    n bigint := (SELECT count(*) FROM new_rows);
    first bigint;
BEGIN
    PERFORM mailhint.count_records(r.kind, r.profile, count(*)) FROM new_rows r GROUP BY r.kind, r.profile;
    IF n > 0 AND NOT mailhint.is_recorded() THEN
        first := mailhint.take_numbers(n);
        INSERT INTO mailhint.history (number, actor, via, action, kind, name, revision, removed, profile, own)
            SELECT first + row_number() OVER (), session_user, 'sql', 'insert', r.kind, r.name, mailhint.random_revision(), false, r.profile, r.own FROM new_rows r;
        PERFORM mailhint.follow_others(first);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER records_inserted AFTER INSERT ON mailhint.records
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION mailhint.records_inserted();

CREATE FUNCTION mailhint.records_updated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    n bigint := (SELECT count(*) FROM new_rows);
    first bigint;
BEGIN
    PERFORM mailhint.count_records(r.kind, r.profile, -count(*)) FROM old_rows r GROUP BY r.kind, r.profile;
    PERFORM mailhint.count_records(r.kind, r.profile, count(*)) FROM new_rows r GROUP BY r.kind, r.profile;
    IF n > 0 AND NOT mailhint.is_recorded() THEN
        IF EXISTS (SELECT FROM new_rows r WHERE NOT EXISTS (SELECT FROM old_rows o WHERE o.kind = r.kind AND o.name = r.name)) THEN
            RAISE EXCEPTION 'a record of mailhint cannot be renamed: delete it, and insert one with the other name';
        END IF;
        first := mailhint.take_numbers(n);
        INSERT INTO mailhint.history (number, actor, via, action, kind, name, before_revision, before_profile, before_own, revision, removed, profile, own)
            SELECT first + row_number() OVER (), session_user, 'sql', 'update', r.kind, r.name, o.revision, o.profile, o.own, mailhint.random_revision(), false, r.profile, r.own
            FROM new_rows r JOIN old_rows o USING (kind, name);
        PERFORM mailhint.follow_others(first);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER records_updated AFTER UPDATE ON mailhint.records
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION mailhint.records_updated();

CREATE FUNCTION mailhint.records_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    n bigint := (SELECT count(*) FROM old_rows);
    first bigint;
BEGIN
    PERFORM mailhint.count_records(r.kind, r.profile, -count(*)) FROM old_rows r GROUP BY r.kind, r.profile;
    IF n > 0 AND NOT mailhint.is_recorded() THEN
        first := mailhint.take_numbers(n);
        INSERT INTO mailhint.history (number, actor, via, action, kind, name, before_revision, before_profile, before_own, revision, removed)
            SELECT first + row_number() OVER (), session_user, 'sql', 'delete', r.kind, r.name, r.revision, r.profile, r.own, mailhint.random_revision(), true FROM old_rows r;
        PERFORM mailhint.follow_others(first);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER records_deleted AFTER DELETE ON mailhint.records
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION mailhint.records_deleted();

-- TRUNCATE would bypass all of this.
CREATE FUNCTION mailhint.refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'records of mailhint cannot be truncated: use DELETE';
END $$;
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON mailhint.records FOR EACH STATEMENT EXECUTE FUNCTION mailhint.refuse_truncate();
