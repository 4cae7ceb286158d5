-- SPDX-License-Identifier: MIT
-- DuckDB: where a unit stands in [0, 1); NULL: it is empty or longer than 1,024 bytes, or there is no salt.
CREATE OR REPLACE MACRO nocturne_place(salt, unit) AS
    CASE WHEN strlen(unit) BETWEEN 1 AND 1024
         THEN ('0x' || substr(sha256(salt || ':' || unit), 1, 13))::BIGINT::DOUBLE / 4503599627370496::DOUBLE END;

-- By what a unit's mean between two levels is rounded (statistics.sql): the place, under another salt, of the first 63 bits
-- of the same digest as a decimal number.
CREATE OR REPLACE MACRO nocturne_chance(salt, unit) AS
    nocturne_place('level', ((('0x' || substr(sha256(salt || ':' || unit), 1, 16))::UBIGINT >> 1)::BIGINT)::TEXT);
