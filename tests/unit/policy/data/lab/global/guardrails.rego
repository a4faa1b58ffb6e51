# METADATA
# custom:
#   owner: laboratory
package global.guardrails

import rego.v1

decision := {
	"deny": deny, "row_filters": row_filters, "masks": masks,
	"deny_columns": {}, "obligations": obligations,
}

# METADATA
# title: Marked tables are closed
deny contains {"id": "closed", "reason": {"message": "closed by the guardrails"}} if "closed" in input.table.tags

# METADATA
# title: Rows the company never shows
row_filters contains rule if {
	some tag in input.table.tags
	rule := data.config.global.filters[tag]
}

# METADATA
# title: Company-wide masks
masks[c.name] contains rule if {
	some c in input.table.columns
	some tag in c.tags
	rule := data.config.global.masks[tag]
}

# METADATA
# title: Company-wide obligations
obligations contains rule if {
	some tag in input.table.tags
	rule := data.config.global.obligations[tag]
}
