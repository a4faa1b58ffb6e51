import io.trino.sql.parser.SqlParser;
import io.trino.sql.tree.Statement;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Reads statements with Trino's own parser. In: a line {"sql": "…"}; out: a line {"ok", "kind",
 * "tables", "functions", "table_functions", "tree_digest"}, or {"ok": false}.
 */
public class Judge {
    private static final long STACK_BYTES = 256L << 20;
    private static final SqlParser PARSER = new SqlParser();

    public static void main(String[] arguments) throws Exception {
        Thread reader = new Thread(null, Judge::answerAll, "judge", STACK_BYTES);
        reader.start();
        reader.join();
    }

    private static void answerAll() {
        try {
            BufferedReader in =
                    new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                out.println(answer(Json.sql(line)));
                if (!in.ready()) {
                    out.flush();
                }
            }
            out.flush();
        } catch (Exception error) {
            error.printStackTrace();
            System.exit(1);
        }
    }

    private static String answer(String sql) {
        try {
            Statement statement = PARSER.createStatement(sql);
            return new Reading(statement).json();
        } catch (RuntimeException | StackOverflowError refused) {
            return "{\"ok\": false}";
        }
    }
}
