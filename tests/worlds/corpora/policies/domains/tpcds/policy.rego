# METADATA
# title: TPC-DS
# custom:
#   owner: tests
#   standing: {whole: [whole], part: [part]}
package domains.tpcds

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": set(), "row_filters": row_filters,
	"masks": masks, "deny_columns": {}, "obligations": set(),
}

grants contains "standing:whole" if "whole" in input.subject.groups

grants contains "standing:part" if "part" in input.subject.groups

# METADATA
# title: Some addresses alone
row_filters contains {
	"id": "country",
	"condition": {"type": "compound", "operator": "or", "value": [
		{"type": "field", "operator": "eq", "field": "ca_country", "value": "United States"},
		{"type": "field", "operator": "startswith", "field": "ca_city", "value": "San"},
	]},
	"reason": {"message": "some addresses alone"},
} if {
	"part" in input.subject.groups
	input.table.fqn == "lake.tpcds.customer_address"
}

# METADATA
# title: Sales of known stores alone
row_filters contains {
	"id": "stores",
	"condition": {"type": "field", "operator": "gte", "field": "ss_store_sk", "value": 1},
	"reason": {"message": "known stores alone"},
} if {
	"part" in input.subject.groups
	input.table.fqn == "lake.tpcds.store_sales"
}

# METADATA
# title: No names of customers
masks[c.name] contains {"id": "name", "kind": "replace-with-null", "params": {}, "reason": {"message": "no names"}} if {
	"part" in input.subject.groups
	some c in input.table.columns
	c.name in {"c_last_name", "c_email_address"}
}
