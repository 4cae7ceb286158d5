-- SPDX-License-Identifier: MIT
-- DuckDB: where a unit stands in [0, 1); NULL: it is empty or longer than 1,024 bytes, or there is no salt.
CREATE OR REPLACE MACRO nocturne_place(salt, unit) AS
    CASE WHEN strlen(unit) BETWEEN 1 AND 1024
         THEN ('0x' || substr(sha256(salt || ':' || unit), 1, 13))::BIGINT::DOUBLE / 4503599627370496::DOUBLE END;
