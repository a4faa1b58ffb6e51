import io.trino.sql.tree.AliasedRelation;
import io.trino.sql.tree.FunctionCall;
import io.trino.sql.tree.FunctionSpecification;
import io.trino.sql.tree.Identifier;
import io.trino.sql.tree.Node;
import io.trino.sql.tree.QualifiedName;
import io.trino.sql.tree.Query;
import io.trino.sql.tree.QuerySpecification;
import io.trino.sql.tree.Statement;
import io.trino.sql.tree.Table;
import io.trino.sql.tree.TableFunctionInvocation;
import io.trino.sql.tree.TableSubquery;
import io.trino.sql.tree.Trim;
import io.trino.sql.tree.With;
import io.trino.sql.tree.WithQuery;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * What one statement names. Follows every field of every part, so nothing can stand where no
 * visitor looks. WITH names are scoped here anew: one part, any case, visible to later elements,
 * to the body and to what is nested, and to themselves if RECURSIVE.
 */
final class Reading {
    private final Statement statement;
    private final Deque<Node> path = new ArrayDeque<>();
    private final List<String> tables = new ArrayList<>();
    private final List<String> functions = new ArrayList<>();
    private final List<String> tableFunctions = new ArrayList<>();

    Reading(Statement statement) {
        this.statement = statement;
        walk(statement, Set.of());
    }

    String json() {
        return "{\"ok\": true, \"kind\": " + Json.text(statement.getClass().getSimpleName())
                + ", \"tables\": " + Json.list(tables)
                + ", \"functions\": " + Json.texts(functions)
                + ", \"table_functions\": " + Json.texts(tableFunctions)
                + ", \"tree_digest\": " + Json.text(Shape.digest(statement)) + "}";
    }

    private void walk(Object value, Set<String> names) {
        switch (value) {
            case null -> {}
            case Node node -> {
                path.push(node);
                visit(node, names);
                path.pop();
            }
            case Optional<?> maybe -> maybe.ifPresent(one -> walk(one, names));
            case Iterable<?> many -> many.forEach(one -> walk(one, names));
            case Object part when Fields.isPart(part) ->
                    Fields.of(part).forEach(one -> walk(one, names));
            default -> {}
        }
    }

    private void visit(Node node, Set<String> names) {
        Set<String> seen = node instanceof Query query ? withNames(query, names) : names;
        switch (node) {
            case Table table -> table(table, names);
            case FunctionCall call -> functions.add(lower(call.getName()));
            case Trim trim -> functions.add(trim.getSpecification().getFunctionName());
            case TableFunctionInvocation call -> tableFunctions.add(lower(call.getName()));
            case FunctionSpecification inline -> functions.add("inline:" + lower(inline.getName()));
            default -> {}
        }
        for (Object value : Fields.of(node)) {
            if (!isWith(value)) {
                walk(value, seen);
            }
        }
    }

    private static boolean isWith(Object value) {
        return value instanceof Optional<?> maybe && maybe.orElse(null) instanceof With;
    }

    private Set<String> withNames(Query query, Set<String> outer) {
        if (query.getWith().isEmpty()) {
            return outer;
        }
        With with = query.getWith().get();
        Set<String> names = new HashSet<>(outer);
        for (WithQuery element : with.getQueries()) {
            String name = lower(element.getName());
            Set<String> inside = new HashSet<>(names);
            if (with.isRecursive()) {
                inside.add(name);
            }
            walk(element, inside);
            names.add(name);
        }
        return names;
    }

    private void table(Table table, Set<String> names) {
        List<String> parts = table.getName().getOriginalParts().stream().map(Reading::lower).toList();
        if (parts.size() == 1 && names.contains(parts.getFirst())) {
            return;
        }
        String alias = wrapper(table).map(Json::text).orElse("null");
        tables.add("{\"name\": " + Json.texts(parts) + ", \"alias\": " + alias + "}");
    }

    /** The alias of a table that is alone in the FROM of a plain sub-query of another FROM. */
    private Optional<String> wrapper(Table table) {
        Iterator<Node> above = path.iterator();
        if (above.next() != table
                || !(next(above) instanceof AliasedRelation aliased)
                || aliased.getColumnNames() != null
                || !(next(above) instanceof QuerySpecification specification)
                || specification.getFrom().orElse(null) != aliased
                || specification.getGroupBy().isPresent()
                || specification.getHaving().isPresent()
                || specification.getLimit().isPresent()
                || !(next(above) instanceof Query query)
                || query.getWith().isPresent()
                || !(next(above) instanceof TableSubquery)
                || !(next(above) instanceof AliasedRelation)) {
            return Optional.empty();
        }
        return Optional.of(aliased.getAlias().getValue());
    }

    private static Node next(Iterator<Node> above) {
        return above.hasNext() ? above.next() : null;
    }

    private static String lower(Identifier name) {
        return name.getValue().toLowerCase(Locale.ENGLISH);
    }

    private static String lower(QualifiedName name) {
        return String.join(".", name.getOriginalParts().stream().map(Reading::lower).toList());
    }
}
