CREATE FUNCTION user_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM cache_outbox_add('cache:users', json_build_object('type', 'user', 'userId', OLD.id));
    END IF;
    IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND NEW.id <> OLD.id THEN
        PERFORM cache_outbox_add('cache:users', json_build_object('type', 'user', 'userId', NEW.id));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER user_changed AFTER INSERT OR UPDATE OR DELETE ON users
FOR EACH ROW EXECUTE FUNCTION user_changed();

CREATE FUNCTION users_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_outbox_add('cache:users', '{"type":"all"}');
    RETURN NULL;
END
$$;
CREATE TRIGGER users_truncated AFTER TRUNCATE ON users
FOR EACH STATEMENT EXECUTE FUNCTION users_truncated();
