# METADATA
# title: What may not be put together
# description: Sees the names and tags of all tables of one query, and nothing else.
# custom:
#   owner: data-protection
package global.query

import rego.v1

decision := {"deny": deny, "obligations": set()}

# METADATA
# title: Negotiated rates are never joined with health data
deny contains {
	"id": "rates-with-health",
	"reason": {"message": "confidential rates and health data are not read in one query", "disclose": true},
} if {
	some left in input.tables
	"confidential" in left.tags
	some right in input.tables
	"phi" in right.tags
}
