import io.trino.sql.tree.Identifier;
import io.trino.sql.tree.IsNotNullPredicate;
import io.trino.sql.tree.LogicalExpression;
import io.trino.sql.tree.Node;
import io.trino.sql.tree.NodeLocation;
import io.trino.sql.tree.QualifiedName;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;

/**
 * A digest of a tree. Equal for texts that differ only in blanks, brackets that change nothing,
 * the case and quotes of names, and IS NOT NULL written as NOT … IS NULL.
 */
final class Shape {
    private final StringBuilder text = new StringBuilder();

    private Shape() {}

    static String digest(Node tree) {
        Shape shape = new Shape();
        shape.write(tree);
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256")
                    .digest(shape.text.toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 16);
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    private void write(Object value) {
        switch (value) {
            case null -> text.append('~');
            case Identifier name -> text(name.getValue().toLowerCase(Locale.ENGLISH));
            case QualifiedName name -> name.getOriginalParts().forEach(this::write);
            case IsNotNullPredicate test -> {
                text.append("(NotExpression(IsNullPredicate");
                write(test.getValue());
                text.append("))");
            }
            case LogicalExpression chain -> {
                text.append('(').append(chain.getOperator());
                terms(chain, chain.getOperator());
                text.append(')');
            }
            case Object part when Fields.isPart(part) -> {
                text.append('(').append(part.getClass().getSimpleName());
                Fields.of(part).forEach(this::write);
                text.append(')');
            }
            case Optional<?> maybe -> maybe.ifPresentOrElse(this::write, () -> text.append('~'));
            case Iterable<?> many -> {
                text.append('[');
                many.forEach(this::write);
                text.append(']');
            }
            case NodeLocation ignored -> {}
            case byte[] bytes -> text(HexFormat.of().formatHex(bytes));
            default -> text(value.toString());
        }
    }

    /** AND of ANDs is one AND, with or without brackets. */
    private void terms(LogicalExpression chain, LogicalExpression.Operator operator) {
        chain.getTerms().forEach(term -> {
            if (term instanceof LogicalExpression inner && inner.getOperator() == operator) {
                terms(inner, operator);
            } else {
                write(term);
            }
        });
    }

    private void text(String value) {
        text.append(value.length()).append(':').append(value);
    }
}
