import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.Map;
import org.apache.iceberg.Files;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.jdbc.JdbcCatalog;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;

/**
 * Serves Iceberg's own REST servlet over a JDBC catalog and local files.
 * Arguments: port, JDBC address, user, password, warehouse (file:///…).
 */
public final class RestHost {
    private RestHost() {}

    public static void main(String[] args) throws Exception {
        JdbcCatalog catalog = new JdbcCatalog(properties -> new LocalFiles(), null, true);
        catalog.initialize("rest", Map.of(
                "uri", args[1],
                "jdbc.user", args[2],
                "jdbc.password", args[3],
                "jdbc.schema-version", "V1",
                "warehouse", args[4]));
        ServletContextHandler context = new ServletContextHandler();
        context.addServlet(
                new ServletHolder(new RESTCatalogServlet(new RESTCatalogAdapter(catalog))), "/*");
        Server server = new Server(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])));
        server.setHandler(context);
        server.start();
        server.join();
    }

    /** Files by a path or a file: address; folders are made as they are needed. */
    public static final class LocalFiles implements FileIO {
        private static File at(String location) {
            return new File(location.startsWith("file:") ? URI.create(location).getPath() : location);
        }

        @Override
        public InputFile newInputFile(String location) {
            return new Named(location);
        }

        @Override
        public OutputFile newOutputFile(String location) {
            return Files.localOutput(at(location));
        }

        @Override
        public void deleteFile(String location) {
            File file = at(location);
            if (!file.delete() && file.exists()) {
                throw new java.io.UncheckedIOException(new IOException("cannot delete " + location));
            }
        }
    }

    /** A local file that keeps the location it was asked for by. */
    private record Named(String location) implements InputFile {
        private InputFile file() {
            return Files.localInput(LocalFiles.at(location));
        }

        @Override
        public long getLength() {
            return file().getLength();
        }

        @Override
        public org.apache.iceberg.io.SeekableInputStream newStream() {
            return file().newStream();
        }

        @Override
        public boolean exists() {
            return LocalFiles.at(location).exists();
        }
    }
}
