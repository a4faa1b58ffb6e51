# METADATA
# title: TPC-H
# custom:
#   owner: tests
#   standing: {bare: [bare], rows: [rows], masks: [masks], pass: [pass]}
package domains.tpch

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": set(), "row_filters": row_filters,
	"masks": masks, "deny_columns": {}, "obligations": set(),
}

grants contains "standing:bare" if "bare" in input.subject.groups

grants contains "standing:rows" if "rows" in input.subject.groups

grants contains "standing:masks" if "masks" in input.subject.groups

grants contains "standing:pass" if "pass" in input.subject.groups

# METADATA
# title: Three market segments
row_filters contains {
	"id": "segment",
	"condition": {"type": "field", "operator": "in", "field": "c_mktsegment", "value": ["BUILDING", "AUTOMOBILE", "MACHINERY"]},
	"reason": {"message": "three segments"},
} if {
	"rows" in input.subject.groups
	input.table.fqn == "lake.tpch.customer"
}

# METADATA
# title: No old orders of low priority
row_filters contains {
	"id": "urgent",
	"condition": {"type": "compound", "operator": "or", "value": [
		{"type": "field", "operator": "ne", "field": "o_orderpriority", "value": "5-LOW"},
		{"type": "field", "operator": "gte", "field": "o_orderdate", "value": "1995-06-01"},
	]},
	"reason": {"message": "no old orders of low priority"},
} if {
	"rows" in input.subject.groups
	input.table.fqn == "lake.tpch.orders"
}

# METADATA
# title: Nothing by registered air
row_filters contains {
	"id": "ship",
	"condition": {"type": "compound", "operator": "not", "value": [
		{"type": "field", "operator": "startswith", "field": "l_shipmode", "value": "REG"},
	]},
	"reason": {"message": "not by registered air"},
} if {
	"rows" in input.subject.groups
	input.table.fqn == "lake.tpch.lineitem"
}

# METADATA
# title: Names keep four characters
masks[c.name] contains {"id": "name", "kind": "partial", "params": {"n": 4, "side": "last"}, "reason": {"message": "names keep four characters"}} if {
	"masks" in input.subject.groups
	some c in input.table.columns
	c.name == "c_name"
}

# METADATA
# title: Phones keep the country
masks[c.name] contains {"id": "phone", "kind": "show-first-4", "params": {}, "reason": {"message": "phones keep the country"}} if {
	"masks" in input.subject.groups
	some c in input.table.columns
	c.name == "c_phone"
}

# METADATA
# title: Prices in thousands
masks[c.name] contains {"id": "price", "kind": "bucket", "params": {"width": 1000}, "reason": {"message": "prices are rounded"}} if {
	"masks" in input.subject.groups
	some c in input.table.columns
	c.name == "o_totalprice"
}

# METADATA
# title: Only the month of shipping
masks[c.name] contains {"id": "shipped", "kind": "truncate-to-month", "params": {}, "reason": {"message": "only the month"}} if {
	"masks" in input.subject.groups
	some c in input.table.columns
	c.name == "l_shipdate"
}

# METADATA
# title: No free text about suppliers
masks[c.name] contains {"id": "comment", "kind": "replace-with-null", "params": {}, "reason": {"message": "no free text"}} if {
	"masks" in input.subject.groups
	some c in input.table.columns
	c.name == "s_comment"
}

keys := {
	"customer": "c_custkey", "lineitem": "l_orderkey", "nation": "n_nationkey", "orders": "o_orderkey",
	"part": "p_partkey", "partsupp": "ps_partkey", "region": "r_regionkey", "supplier": "s_suppkey",
}

# METADATA
# title: A filter that every row passes
row_filters contains {
	"id": "all",
	"condition": {"type": "field", "operator": "gte", "field": c.name, "value": 0},
	"reason": {"message": "all rows"},
} if {
	"pass" in input.subject.groups
	some c in input.table.columns
	c.name in [key | some key in keys]
}

# METADATA
# title: A mask that keeps text as it is
masks[c.name] contains {"id": "text", "kind": "regex", "params": {"pattern": "~", "replacement": "~"}, "reason": {"message": "kept"}} if {
	"pass" in input.subject.groups
	some c in input.table.columns
	c.type == "varchar"
	c.name == object.get(input.subject.attributes, "mask", "")
}

# METADATA
# title: A mask on dates
masks[c.name] contains {"id": "month", "kind": "truncate-to-month", "params": {}, "reason": {"message": "only the month"}} if {
	"pass" in input.subject.groups
	some c in input.table.columns
	c.type == "date"
	c.name == object.get(input.subject.attributes, "mask", "")
}
