# METADATA
# title: No floor
# custom:
#   owner: tests
package global.guardrails

import rego.v1

decision := {
	"deny": set(), "row_filters": set(), "masks": {}, "deny_columns": {}, "obligations": set(),
}
