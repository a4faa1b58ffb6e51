import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.sql.Types;
import java.util.Base64;
import java.util.Properties;

/**
 * Runs statements from standard input through the JDBC driver and prints what came back.
 *
 * <p>Each input line is "kind base64 …"; each answer is lines of "C" (column, type), "R" (row),
 * "U" (update), "W" (warning code, text), "E" (error code, text) and a closing ".".
 * "L url user" opens another connection; what follows runs there.
 */
public final class Script
{
    private Script() {}

    public static void main(String[] args)
            throws Exception
    {
        Connection connection = null;
        try (BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                String[] words = line.split(" ");
                try {
                    if (words[0].equals("L")) {
                        close(connection);
                        connection = null;
                        connection = connect(text(words[1]), text(words[2]));
                    }
                    else {
                        answer(connection, words);
                    }
                }
                catch (SQLException e) {
                    print("E", String.valueOf(e.getErrorCode()), e.getMessage());
                }
                System.out.println(".");
                System.out.flush();
            }
        }
        finally {
            close(connection);
        }
    }

    private static Connection connect(String url, String user)
            throws SQLException
    {
        Properties properties = new Properties();
        properties.setProperty("user", user);
        return DriverManager.getConnection(url, properties);
    }

    private static void close(Connection connection)
            throws SQLException
    {
        if (connection != null) {
            connection.close();
        }
    }

    private static void answer(Connection connection, String[] words)
            throws SQLException
    {
        switch (words[0]) {
            case "S" -> run(connection, text(words[1]));
            case "P" -> prepared(connection, words);
            case "D" -> rows(described(connection.getMetaData(), words));
            case "A" -> connection.setAutoCommit(words[1].equals("true"));
            case "X" -> connection.rollback();
            case "V" -> print("R", String.valueOf(connection.isValid(10)));
            case "T" -> limited(connection, text(words[1]), Integer.parseInt(words[2]));
            default -> throw new IllegalArgumentException(words[0]);
        }
    }

    private static void run(Connection connection, String sql)
            throws SQLException
    {
        try (Statement statement = connection.createStatement()) {
            if (statement.execute(sql)) {
                rows(statement.getResultSet());
            }
            else {
                print("U", String.valueOf(statement.getUpdateCount()));
            }
            for (SQLWarning warning = statement.getWarnings(); warning != null; warning = warning.getNextWarning()) {
                print("W", String.valueOf(warning.getErrorCode()), warning.getMessage());
            }
        }
    }

    /** Reads at most so many rows and leaves the rest: the driver cancels the query. */
    private static void limited(Connection connection, String sql, int limit)
            throws SQLException
    {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(60);
            ResultSet found = statement.executeQuery(sql);
            for (int count = 0; count < limit && found.next(); count++) {
                print("R", found.getString(1));
            }
        }
    }

    /** "P sql type value type value …": binds, describes, executes. */
    private static void prepared(Connection connection, String[] words)
            throws SQLException
    {
        try (PreparedStatement statement = connection.prepareStatement(text(words[1]))) {
            for (int at = 2; at < words.length; at += 2) {
                bind(statement, at / 2, words[at], text(words[at + 1]));
            }
            rows(statement.executeQuery());
        }
    }

    private static void bind(PreparedStatement statement, int index, String type, String value)
            throws SQLException
    {
        switch (type) {
            case "bigint" -> statement.setLong(index, Long.parseLong(value));
            case "double" -> statement.setDouble(index, Double.parseDouble(value));
            case "varchar" -> statement.setString(index, value);
            case "date" -> statement.setDate(index, java.sql.Date.valueOf(value));
            case "decimal" -> statement.setBigDecimal(index, new java.math.BigDecimal(value));
            case "boolean" -> statement.setBoolean(index, Boolean.parseBoolean(value));
            case "null" -> statement.setNull(index, Types.VARCHAR);
            default -> throw new IllegalArgumentException(type);
        }
    }

    private static ResultSet described(DatabaseMetaData metadata, String[] words)
            throws SQLException
    {
        String[] p = new String[5];
        for (int at = 2; at < words.length; at++) {
            p[at - 2] = words[at].equals("-") ? null : text(words[at]);
        }
        return switch (words[1]) {
            case "getCatalogs" -> metadata.getCatalogs();
            case "getSchemas" -> metadata.getSchemas(p[0], p[1]);
            case "getTables" -> metadata.getTables(p[0], p[1], p[2], null);
            case "getColumns" -> metadata.getColumns(p[0], p[1], p[2], p[3]);
            case "getTableTypes" -> metadata.getTableTypes();
            case "getTypeInfo" -> metadata.getTypeInfo();
            case "getPrimaryKeys" -> metadata.getPrimaryKeys(p[0], p[1], p[2]);
            case "getImportedKeys" -> metadata.getImportedKeys(p[0], p[1], p[2]);
            case "getProcedures" -> metadata.getProcedures(p[0], p[1], p[2]);
            case "getProcedureColumns" -> metadata.getProcedureColumns(p[0], p[1], p[2], p[3]);
            case "getUDTs" -> metadata.getUDTs(p[0], p[1], p[2], null);
            case "getSuperTypes" -> metadata.getSuperTypes(p[0], p[1], p[2]);
            case "getSuperTables" -> metadata.getSuperTables(p[0], p[1], p[2]);
            case "getAttributes" -> metadata.getAttributes(p[0], p[1], p[2], p[3]);
            case "getPseudoColumns" -> metadata.getPseudoColumns(p[0], p[1], p[2], p[3]);
            default -> throw new IllegalArgumentException(words[1]);
        };
    }

    private static void rows(ResultSet found)
            throws SQLException
    {
        ResultSetMetaData metadata = found.getMetaData();
        for (int column = 1; column <= metadata.getColumnCount(); column++) {
            print("C", metadata.getColumnLabel(column), metadata.getColumnTypeName(column));
        }
        while (found.next()) {
            String[] values = new String[metadata.getColumnCount()];
            for (int column = 1; column <= values.length; column++) {
                values[column - 1] = found.getString(column);
            }
            print("R", values);
        }
    }

    private static String text(String word)
    {
        return new String(Base64.getDecoder().decode(word.substring(1)), StandardCharsets.UTF_8);
    }

    private static void print(String kind, String... values)
    {
        StringBuilder line = new StringBuilder(kind);
        for (String value : values) {
            line.append(' ').append(value == null ? "-" : "=" + Base64.getEncoder().encodeToString(value.getBytes(StandardCharsets.UTF_8)));
        }
        System.out.println(line);
    }
}
