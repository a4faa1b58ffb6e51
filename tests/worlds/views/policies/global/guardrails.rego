# METADATA
# title: No company-wide rule
# custom:
#   owner: platform
package global.guardrails

import rego.v1

decision := {
	"deny": set(), "row_filters": set(), "masks": {},
	"deny_columns": {}, "obligations": set(),
}
