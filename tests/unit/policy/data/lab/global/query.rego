# METADATA
# custom:
#   owner: laboratory
package global.query

import rego.v1

decision := {"deny": deny, "obligations": obligations}

# METADATA
# title: Toxic combinations
deny contains {"id": "toxic", "reason": {"message": "a toxic table", "disclose": true}} if {
	some listed in input.tables
	"toxic" in listed.tags
}

# METADATA
# title: Limits of the whole query
obligations contains {"id": "cap", "kind": "max_rows", "params": {"value": 1000}, "reason": {"message": "at most 1000 rows"}} if {
	some listed in input.tables
	"capped" in listed.tags
}
