CREATE TABLE IF NOT EXISTS cache_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL,
    payload text NOT NULL,
    created timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS cache_outbox_lease (
    id integer PRIMARY KEY CHECK (id = 1),
    owner text NOT NULL,
    taken timestamptz NOT NULL,
    expires timestamptz NOT NULL
);

CREATE OR REPLACE FUNCTION cache_outbox_add(channel text, event json) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO cache_outbox (channel, payload) VALUES ($1, $2::text)
$$;

CREATE OR REPLACE FUNCTION cache_outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY cache_outbox;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER cache_outbox_notify AFTER INSERT ON cache_outbox
FOR EACH STATEMENT EXECUTE FUNCTION cache_outbox_notify();
