# METADATA
# title: Company-wide floor
# description: Holds for every table of every domain. Domains may add to it, never take away.
# custom:
#   owner: data-protection
package global.guardrails

import rego.v1

decision := {
	"deny": deny, "row_filters": set(), "masks": masks,
	"deny_columns": deny_columns, "obligations": set(),
}

product := object.get(input.table, "product", {})

required_group := object.get(product, "required_security_group", "")

# METADATA
# title: The product's security group is needed (it grants nothing by itself)
deny contains {"id": "security-group", "reason": {"message": "the product's security group is required", "disclose": true}} if {
	required_group != ""
	not required_group in input.subject.groups
}

# METADATA
# title: Retired products are closed
deny contains {"id": "retired", "reason": {"message": "the product is retired", "disclose": true}} if {
	object.get(product, "status", "active") == "retired"
}

# METADATA
# title: Nobody reads social security numbers in clear
masks[c.name] contains {"id": "ssn", "kind": "token", "params": {}, "reason": {"message": "social security numbers are tokens", "disclose": true}} if {
	some c in input.table.columns
	"pii.ssn" in c.tags
}

# METADATA
# title: Accounts of programs get no personal names
masks[c.name] contains {"id": "service-name", "kind": "replace-with-null", "params": {}, "reason": {"message": "service accounts get no names", "disclose": true}} if {
	input.subject.kind == "service"
	some c in input.table.columns
	"pii.name" in c.tags
}

# METADATA
# title: Secrets are never served
deny_columns[c.name] contains {"id": "secret", "reason": {"message": "secrets are not served"}} if {
	some c in input.table.columns
	"secret" in c.tags
}
