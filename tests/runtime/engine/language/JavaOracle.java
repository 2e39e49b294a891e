import com.jayway.jsonpath.Configuration;
import com.jayway.jsonpath.InvalidPathException;
import com.jayway.jsonpath.JsonPath;
import com.jayway.jsonpath.PathNotFoundException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.minidev.json.JSONStyle;
import net.minidev.json.JSONValue;

/** What Java, and Jayway JsonPath on it, make of values: reads a question from each line and answers each in a line. */
public class JavaOracle {
    private static final Configuration JAYWAY = Configuration.defaultConfiguration();

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            List<?> asked = (List<?>) JAYWAY.jsonProvider().parse(line);
            System.out.println(JSONValue.toJSONString(answer(asked), JSONStyle.LT_COMPRESS));
        }
    }

    private static Object answer(List<?> asked) {
        switch ((String) asked.get(0)) {
            case "path":
                return selected(asked.get(1), (String) asked.get(2));
            case "set":
                return new ArrayList<>(new HashSet<>((List<?>) plain(asked.get(1))));
            case "random":
                return drawn(whole(asked.get(1)), (int) whole(asked.get(2)), (int) whole(asked.get(3)));
            default:
                return String.valueOf(plain(asked.get(1)));
        }
    }

    private static Map<String, Object> selected(Object document, String path) {
        Map<String, Object> said = new LinkedHashMap<>();
        try {
            said.put("definite", JsonPath.isPathDefinite(path));
            said.put("value", JsonPath.using(JAYWAY).parse(document).read(path));
        } catch (PathNotFoundException fault) {
            said.put("missing", true);
        } catch (InvalidPathException | IllegalArgumentException fault) {
            said.put("invalid", true);
        }
        return said;
    }

    private static int drawn(long seed, int start, int end) {
        return start + new Random(seed).nextInt(end - start);
    }

    private static long whole(Object number) {
        return ((Number) number).longValue();
    }

    /** The value in java.util's own collections, as Jackson would hand them out. */
    private static Object plain(Object value) {
        if (value instanceof List) {
            List<Object> made = new ArrayList<>();
            ((List<?>) value).forEach(one -> made.add(plain(one)));
            return made;
        }
        if (value instanceof Map) {
            Map<Object, Object> made = new LinkedHashMap<>();
            ((Map<?, ?>) value).forEach((name, one) -> made.put(name, plain(one)));
            return made;
        }
        return value instanceof BigDecimal ? ((BigDecimal) value).doubleValue() : value;
    }
}
