import io.trino.grammar.sql.SqlBaseLexer;
import io.trino.grammar.sql.SqlBaseParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Set;
import org.antlr.v4.runtime.CharStream;
import org.antlr.v4.runtime.CharStreams;
import org.antlr.v4.runtime.CodePointCharStream;
import org.antlr.v4.runtime.CommonTokenStream;
import org.antlr.v4.runtime.Token;
import org.antlr.v4.runtime.misc.Interval;
import org.antlr.v4.runtime.tree.ParseTree;
import org.antlr.v4.runtime.tree.TerminalNode;

/**
 * Reads statements (one base64 line each) with the grammar inside Trino's CLI. Answers "ERR", or
 * "OK" and the shape of its operators: brackets gone, identifiers unquoted and lower-cased.
 */
public class Judge {
    private static final Set<String> SHAPED = Set.of(
            "AndContext", "OrContext", "LogicalNotContext", "ArithmeticBinaryContext",
            "ArithmeticUnaryContext", "ConcatenationContext", "AtTimeZoneContext",
            "SubscriptContext", "DereferenceContext", "LambdaContext", "FunctionCallContext",
            "SimpleCaseContext", "SearchedCaseContext", "SetOperationContext",
            "JoinRelationContext", "SubqueryExpressionContext", "ExistsContext",
            "QuerySpecificationContext");
    private static final Set<Integer> KEPT = Set.of(
            SqlBaseLexer.STRING, SqlBaseLexer.BINARY_LITERAL, SqlBaseLexer.INTEGER_VALUE,
            SqlBaseLexer.DECIMAL_VALUE, SqlBaseLexer.DOUBLE_VALUE, SqlBaseLexer.PLUS,
            SqlBaseLexer.MINUS, SqlBaseLexer.SLASH, SqlBaseLexer.PERCENT, SqlBaseLexer.EQ,
            SqlBaseLexer.NEQ, SqlBaseLexer.LT, SqlBaseLexer.LTE, SqlBaseLexer.GT,
            SqlBaseLexer.GTE, SqlBaseLexer.QUESTION_MARK);
    private static final Set<String> UNREADABLE =
            Set.of("UNRECOGNIZED", "BACKQUOTED_IDENTIFIER", "DIGIT_IDENTIFIER");

    /** Trino reads keywords in any case. */
    record AnyCase(CodePointCharStream text) implements CharStream {
        public String getText(Interval interval) { return text.getText(interval); }
        public void consume() { text.consume(); }
        public int mark() { return text.mark(); }
        public void release(int marker) { text.release(marker); }
        public int index() { return text.index(); }
        public void seek(int index) { text.seek(index); }
        public int size() { return text.size(); }
        public String getSourceName() { return text.getSourceName(); }
        public int LA(int ahead) {
            int read = text.LA(ahead);
            return read <= 0 ? read : Character.toUpperCase(read);
        }
    }

    static String shape(ParseTree tree) {
        if (tree instanceof TerminalNode leaf) {
            return leafShape(leaf.getSymbol());
        }
        if (tree instanceof SqlBaseParser.TypeContext) {
            return "";
        }
        if (tree instanceof SqlBaseParser.IdentifierContext) {
            String text = tree.getText();
            boolean quoted = text.startsWith("\"");
            String name = quoted ? text.substring(1, text.length() - 1).replace("\"\"", "\"") : text;
            return " " + name.toLowerCase();
        }
        if (tree instanceof SqlBaseParser.PredicatedContext && tree.getChildCount() == 2) {
            return predicateShape(tree.getChild(0), tree.getChild(1));
        }
        StringBuilder inner = new StringBuilder();
        for (int i = 0; i < tree.getChildCount(); i++) {
            inner.append(shape(tree.getChild(i)));
        }
        String name = tree.getClass().getSimpleName();
        return SHAPED.contains(name) ? " (" + name + inner + ")" : inner.toString();
    }

    private static String leafShape(Token token) {
        if (!KEPT.contains(token.getType())) {
            return "";
        }
        String text = token.getText();
        if (token.getType() == SqlBaseLexer.BINARY_LITERAL) {
            text = text.replace(" ", "").toLowerCase();
        }
        return " " + (text.equals("!=") ? "<>" : text);
    }

    private static String predicateShape(ParseTree value, ParseTree predicate) {
        boolean negated = false;
        StringBuilder inner = new StringBuilder(shape(value));
        for (int i = 0; i < predicate.getChildCount(); i++) {
            ParseTree child = predicate.getChild(i);
            if (child instanceof TerminalNode leaf && leaf.getSymbol().getType() == SqlBaseLexer.NOT) {
                negated = true;
            } else {
                inner.append(shape(child));
            }
        }
        String text = " (" + predicate.getClass().getSimpleName() + inner + ")";
        return negated ? " (LogicalNotContext" + text + ")" : text;
    }

    static String judge(String sql) {
        SqlBaseLexer lexer = new SqlBaseLexer(new AnyCase(CharStreams.fromString(sql)));
        lexer.removeErrorListeners();
        CommonTokenStream tokens = new CommonTokenStream(lexer);
        SqlBaseParser parser = new SqlBaseParser(tokens);
        parser.removeErrorListeners();
        ParseTree tree = parser.singleStatement();
        for (Token token : tokens.getTokens()) {
            String name = SqlBaseLexer.VOCABULARY.getSymbolicName(token.getType());
            if (name != null && UNREADABLE.contains(name)) {
                return "ERR";
            }
        }
        return parser.getNumberOfSyntaxErrors() > 0 ? "ERR" : "OK" + shape(tree).replace("\n", " ");
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(judge(new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8)));
        }
        out.flush();
    }
}
