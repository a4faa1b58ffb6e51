# METADATA
# title: Shop
# custom:
#   owner: shop-stewards
#   standing: {analysts: [analysts], owners: [owners]}
package domains.shop

import rego.v1

decision := {
	"grants": grants, "rights": rights, "deny": set(), "row_filters": row_filters,
	"masks": masks, "deny_columns": deny_columns, "obligations": obligations,
}

owner if "owners" in input.subject.groups

fraud if input.table.product.key == "fraud"

grants contains g.id if some g in input.grants

grants contains "standing:analysts" if {
	"analysts" in input.subject.groups
	not fraud
}

grants contains "standing:owners" if {
	owner
	not fraud
}

rights contains "metadata" if owner

row_filters contains {
	"id": "region",
	"condition": {"type": "field", "operator": "in", "field": "region", "value": input.subject.attributes.regions},
	"reason": {"message": "only your regions"},
} if {
	not owner
	"region_scoped" in input.table.tags
}

row_filters contains {
	"id": "contains",
	"condition": {"type": "field", "operator": "contains", "field": "note", "value": "it's_5%"},
	"reason": {"message": "only some notes"},
} if {
	not owner
	"contains" in input.table.tags
}

masks[c.name] contains {"id": "token", "kind": "token", "params": {}, "reason": {"message": "tokens"}} if {
	not owner
	some c in input.table.columns
	"token" in c.tags
}

masks[c.name] contains {"id": "partial", "kind": "partial", "params": {"n": 1, "side": "first"}, "reason": {"message": "initials"}} if {
	not owner
	some c in input.table.columns
	"partial" in c.tags
}

masks[c.name] contains {"id": "salted", "kind": "sha-256-query-local", "params": {}, "reason": {"message": "salted"}} if {
	not owner
	some c in input.table.columns
	"salted" in c.tags
}

deny_columns[c.name] contains {"id": "secret", "reason": {"message": "secret"}} if {
	some c in input.table.columns
	"secret" in c.tags
}

obligations contains {"id": "notice", "kind": "notice", "params": {"text": "handle with care"}, "reason": {"message": "notice"}} if {
	"noticed" in input.table.tags
}
