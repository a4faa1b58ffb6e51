import java.util.List;
import java.util.stream.Collectors;

/** As much JSON as the judge's lines need. */
final class Json {
    private static final String HEAD = "{\"sql\": \"";

    private Json() {}

    /** The text of a line {"sql": "…"}; other lines end the judge. */
    static String sql(String line) {
        if (!line.startsWith(HEAD) || !line.endsWith("\"}")) {
            throw new IllegalArgumentException("expected {\"sql\": \"…\"}");
        }
        StringBuilder text = new StringBuilder(line.length());
        int end = line.length() - 2;
        for (int at = HEAD.length(); at < end; at++) {
            char read = line.charAt(at);
            if (read != '\\') {
                text.append(read);
                continue;
            }
            at++;
            switch (line.charAt(at)) {
                case 'n' -> text.append('\n');
                case 't' -> text.append('\t');
                case 'r' -> text.append('\r');
                case 'b' -> text.append('\b');
                case 'f' -> text.append('\f');
                case 'u' -> {
                    text.append((char) Integer.parseInt(line.substring(at + 1, at + 5), 16));
                    at += 4;
                }
                default -> text.append(line.charAt(at));
            }
        }
        return text.toString();
    }

    static String text(String value) {
        StringBuilder out = new StringBuilder("\"");
        for (int at = 0; at < value.length(); at++) {
            char read = value.charAt(at);
            if (read == '"' || read == '\\') {
                out.append('\\').append(read);
            } else if (read < ' ' || read > '~') {
                out.append(String.format("\\u%04x", (int) read));
            } else {
                out.append(read);
            }
        }
        return out.append('"').toString();
    }

    static String texts(List<String> values) {
        return list(values.stream().map(Json::text).toList());
    }

    static String list(List<String> documents) {
        return documents.stream().collect(Collectors.joining(", ", "[", "]"));
    }
}
