-- SPDX-License-Identifier: MIT
-- PostgreSQL 11 or later, a database in UTF-8: where a unit stands in [0, 1); NULL: it is empty or longer than 1,024 bytes,
-- or there is no salt.
CREATE OR REPLACE FUNCTION nocturne_place(salt text, unit text) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(unit) BETWEEN 1 AND 1024
                THEN ('x000' || substr(encode(sha256(convert_to(salt || ':' || unit, 'UTF8')), 'hex'), 1, 13))::bit(64)::bigint
                     ::double precision / 4503599627370496::double precision END
$$;

-- By what a unit's mean between two levels is rounded (statistics.sql): the place, under another salt, of the first 63 bits
-- of the same digest as a decimal number.
CREATE OR REPLACE FUNCTION nocturne_chance(salt text, unit text) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT nocturne_place('level', (('x' || substr(encode(sha256(convert_to(salt || ':' || unit, 'UTF8')), 'hex'), 1, 16))::bit(64) >> 1)
                                   ::bigint::text)
$$;
