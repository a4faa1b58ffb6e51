# What a company would write for Trino's own OPA plugin: the comparison of the benchmarks.
# data.bench holds the tables, filters and masks that the gateway's policies come to.
package trino

import rego.v1

table_name(table) := concat(".", [table.catalogName, table.schemaName, table.tableName])

reader := input.context.identity.user == "meshgate-keys"

default allow := false

allow if input.action.operation in {"ExecuteQuery", "AccessCatalog", "ShowSchemas", "ShowTables", "ShowColumns"}

allow if {
	input.action.operation == "SelectFromColumns"
	table_name(input.action.resource.table) in data.bench.tables
}

allow if {
	input.action.operation == "SelectFromColumns"
	input.action.resource.table.schemaName == "information_schema"
}

allow if {
	input.action.operation == "SelectFromColumns"
	input.action.resource.table.catalogName in {"system", "gov"}
}

batch contains index if {
	some index, resource in input.action.filterResources
	input.action.operation in {"FilterCatalogs", "FilterSchemas"}
	resource
}

batch contains index if {
	some index, resource in input.action.filterResources
	input.action.operation == "FilterTables"
	table_name(resource.table) in data.bench.tables
}

batch contains index if {
	input.action.operation == "FilterColumns"
	some resource in input.action.filterResources
	table_name(resource.table) in data.bench.tables
	some index, _ in resource.table.columns
}

rowFilters contains {"expression": expression} if {
	not reader
	some expression in data.bench.filters[table_name(input.action.resource.table)]
}

batchColumnMasks contains {"index": index, "viewExpression": mask} if {
	not reader
	some index, resource in input.action.filterResources
	mask := data.bench.masks[table_name(resource.column)][resource.column.columnName]
}
