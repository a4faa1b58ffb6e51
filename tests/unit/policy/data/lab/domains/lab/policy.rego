# METADATA
# custom:
#   owner: laboratory
#   standing: {lab: [lab]}
package domains.lab

import rego.v1

decision := {
	"grants": grants, "rights": rights, "deny": deny, "row_filters": row_filters,
	"masks": masks, "deny_columns": deny_columns, "obligations": obligations,
} if {
	not "silent" in input.table.tags
	not conflict
}

# Two values for one name: evaluating it fails.
conflict if "boom" in input.table.tags

conflict := "twice" if "boom" in input.table.tags

level := input.subject.attributes.level

# METADATA
# title: Dated grants
grants contains g.id if some g in input.grants

# METADATA
# title: The laboratory's own
grants contains "standing:lab" if {
	"lab" in input.subject.groups
	not "no-standing" in input.table.tags
}

# METADATA
# title: Files
rights contains "metadata" if "files" in input.table.tags

# METADATA
# title: Beyond the level
deny contains {"id": "level", "reason": {"message": "your level is too low", "disclose": true}} if {
	"secret" in input.table.tags
	level < 3
}

# METADATA
# title: Rows by tag
row_filters contains rule if {
	some tag in input.table.tags
	rule := data.config.lab.filters[tag]
}

# METADATA
# title: Rows by region
row_filters contains {
	"id": "regions",
	"condition": {"type": "field", "operator": "in", "field": "v", "value": object.get(input.subject.attributes, "regions", [])},
	"reason": {"message": "your regions"},
} if {
	"by-region" in input.table.tags
}

# METADATA
# title: Masks by tag
masks[c.name] contains rule if {
	some c in input.table.columns
	some tag in c.tags
	rule := data.config.lab.masks[tag]
}

# METADATA
# title: Columns by tag
deny_columns[c.name] contains {"id": "hidden", "reason": {"message": "hidden", "disclose": true}} if {
	some c in input.table.columns
	"hidden" in c.tags
}

# METADATA
# title: Obligations by tag
obligations contains rule if {
	some tag in input.table.tags
	rule := data.config.lab.obligations[tag]
}
