import io.trino.sql.tree.Node;
import io.trino.sql.tree.NodeLocation;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The values a part of a tree holds, but for its place in the text. Not all parts are nodes. */
final class Fields {
    private static final Map<Class<?>, List<Field>> KNOWN = new HashMap<>();

    private Fields() {}

    /** Whether this is a part of a tree: a node, or what hangs between nodes (JOIN … ON). */
    static boolean isPart(Object value) {
        return value != null
                && !(value instanceof NodeLocation)
                && !(value instanceof Enum)
                && value.getClass().getPackage() == Node.class.getPackage();
    }

    static List<Object> of(Object part) {
        List<Object> values = new ArrayList<>();
        for (Field field : KNOWN.computeIfAbsent(part.getClass(), Fields::declared)) {
            try {
                values.add(field.get(part));
            } catch (IllegalAccessException error) {
                throw new IllegalStateException(error);
            }
        }
        return values;
    }

    private static List<Field> declared(Class<?> kind) {
        List<Field> found = new ArrayList<>();
        for (Class<?> at = kind; at != Node.class && at != Object.class; at = at.getSuperclass()) {
            for (Field field : at.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers())) {
                    field.setAccessible(true);
                    found.add(field);
                }
            }
        }
        return found;
    }
}
