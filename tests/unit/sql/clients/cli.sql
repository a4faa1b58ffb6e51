-- QUERY
SELECT 1
;

-- SHOW_CATALOGS
SHOW CATALOGS
;

-- USE
use lake.x_cli
;

-- QUERY
SELECT count(*) FROM base
;

-- SYNTAX_ERROR line 1:1: mismatched input 'exit'. Expecting: 'CALL', 'COMMIT', 'DEALLOCATE', 'D
exit
;

-- SHOW_FUNCTIONS
SHOW FUNCTIONS
;

-- QUERY
SELECT * FROM ba
;

-- QUERY
SELECT table_name FROM information_schema.tables WHERE table_schema = 'x_cli'
;

-- USE
use lake.claims
;

-- QUERY
select * from cl
;

-- EXPLAIN
EXPLAIN SELECT 1
;

-- QUERY
SELECT abs
;
