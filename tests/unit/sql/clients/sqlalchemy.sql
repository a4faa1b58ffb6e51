-- QUERY
SELECT "schema_name"
FROM "information_schema"."schemata"
;

-- EXECUTE_IMMEDIATE QUERY
EXECUTE IMMEDIATE 'SELECT 1'
;

-- EXECUTE_IMMEDIATE QUERY
EXECUTE IMMEDIATE 'SELECT "table_name"
FROM "information_schema"."tables"
WHERE "table_schema" = ?
  AND "table_type" = ''BASE TABLE''' USING 'x_cli'
;

-- EXECUTE_IMMEDIATE QUERY
EXECUTE IMMEDIATE 'SELECT "table_name"
FROM "information_schema"."tables"
WHERE "table_schema" = ?
  AND "table_name" = ?' USING 'x_cli','base'
;

-- EXECUTE_IMMEDIATE QUERY
EXECUTE IMMEDIATE 'SELECT
    "column_name",
    "data_type",
    "column_default",
    UPPER("is_nullable") AS "is_nullable",
    "comment"
FROM "information_schema"."columns"
WHERE "table_schema" = ?
  AND "table_name" = ?
ORDER BY "ordinal_position" ASC' USING 'x_cli','base'
;

-- EXECUTE_IMMEDIATE QUERY
EXECUTE IMMEDIATE 'SELECT "view_definition"
FROM "information_schema"."views"
WHERE "table_schema" = ?
  AND "table_name" = ?' USING 'x_cli','v_short'
;

-- QUERY
SELECT * FROM x_cli."base$partitions"
;

-- EXECUTE_IMMEDIATE QUERY
EXECUTE IMMEDIATE 'SELECT "comment"
FROM "system"."metadata"."table_comments"
WHERE "catalog_name" = ?
  AND "schema_name" = ?
  AND "table_name" = ?' USING 'lake','x_cli','base'
;

-- QUERY
SELECT "table_cat"
FROM "system"."jdbc"."catalogs"
;

-- QUERY
SELECT * FROM x_cli."v_user$partitions"
;

-- EXECUTE_IMMEDIATE QUERY
EXECUTE IMMEDIATE 'SELECT x_cli.base.region, count(*) AS count_1 
FROM x_cli.base 
WHERE x_cli.base.amount > ? AND x_cli.base.region IN (?, ?) AND x_cli.base.code LIKE ? GROUP BY x_cli.base.region ORDER BY 2 DESC
OFFSET ?
LIMIT ?' USING 5,'EU','US','1%',0,10
;

-- EXECUTE_IMMEDIATE QUERY
EXECUTE IMMEDIATE 'select * from base where claim_id = ? and d >= ? and amount > ? and region = ?' USING 3,DATE '2020-01-01',DOUBLE '1.5','it''s'
;

-- NOT_SUPPORTED line 1:1: CREATE … is not supported: this gateway answers queries; write through
CREATE TABLE x_cli.sa_t (
	a INTEGER, 
	b VARCHAR(10), 
	c TIMESTAMP, 
	f REAL, 
	bo BOOLEAN, 
	n DECIMAL(10, 2)
)
;

-- QUERY
select * from base limit 3
;

-- EXECUTE_IMMEDIATE QUERY
EXECUTE IMMEDIATE 'select * from base where region = ? limit 3' USING 'EU'
;

-- QUERY
SELECT x_cli.base.claim_id, x_cli.base.member_id, x_cli.base.ssn, x_cli.base.region, x_cli.base.amount, x_cli.base.code, x_cli.base.d 
FROM x_cli.base
;

-- NOT_SUPPORTED line 1:1: CREATE … is not supported: this gateway answers queries; write through
CREATE TABLE x_cli.pd_t (
	a BIGINT, 
	b VARCHAR
)
;

-- NOT_SUPPORTED line 1:1: INSERT … is not supported: this gateway answers queries; write through
EXECUTE IMMEDIATE 'INSERT INTO x_cli.pd_t (a, b) VALUES (?, ?), (?, ?)' USING 1,'x',2,'y'
;

-- NOT_SUPPORTED line 1:1: DROP … is not supported: this gateway answers queries; write through t
drop table if exists pd_t
;

-- PREPARE
PREPARE st_937f081891434235887f7ee08b65c603 FROM select ?, ?, ?
;

-- EXECUTE
EXECUTE st_937f081891434235887f7ee08b65c603 USING 1,'a',NULL
;

-- DEALLOCATE
DEALLOCATE PREPARE st_937f081891434235887f7ee08b65c603
;

-- EXECUTE_IMMEDIATE QUERY
EXECUTE IMMEDIATE 'select ?,?,?,?,?,?,?,?,?,?,?,?' USING true,1,-2,DOUBLE '1.5',nan(),DECIMAL '1.10','x''y',X'01',DATE '2020-01-01',TIMESTAMP '2020-01-01 02:03:04.000005',ARRAY[1,2],MAP(ARRAY['a'], ARRAY[1])
;

-- SYNTAX_ERROR line 1:165: Invalid numeric literal: 100000000000000000000
EXECUTE IMMEDIATE 'select ?,?,?,?,?' USING TIME '01:02:03.000000',TIMESTAMP '2020-01-01 00:00:00.000000 UTC',ROW(1,'a'),UUID '00000000-0000-0000-0000-000000000001',100000000000000000000
;

-- NOT_SUPPORTED line 1:1: CREATE … is not supported: this gateway answers queries; write through
create table if not exists m (a integer)
;

-- NOT_SUPPORTED line 1:1: INSERT … is not supported: this gateway answers queries; write through
EXECUTE IMMEDIATE 'insert into m values (?)' USING 1
;

-- SHOW_COLUMNS
describe m
;

-- NOT_SUPPORTED line 1:1: DROP … is not supported: this gateway answers queries; write through t
drop table m
;

-- PREPARE
PREPARE st_f9c352c196794782a911b18657b0e13d FROM select * from base
;

-- DESCRIBE_OUTPUT
DESCRIBE OUTPUT st_f9c352c196794782a911b18657b0e13d
;

-- START_TRANSACTION
START TRANSACTION
;

-- QUERY
select count(*) from base
;

-- COMMIT
COMMIT
;

-- QUERY
select current_timezone()
;

-- QUERY
SELECT * FROM x_cli."sa_t$partitions"
;
