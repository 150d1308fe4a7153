import com.hazelcast.config.Config;
import com.hazelcast.config.NetworkConfig;
import io.vertx.core.Verticle;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.eventbus.EventBusOptions;
import io.vertx.spi.cluster.hazelcast.ConfigUtil;
import io.vertx.spi.cluster.hazelcast.HazelcastClusterManager;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Runs one verticle in a cluster whose members find each other by multicast, and by nothing else. */
public class Main {
  private static final String GROUP = "224.2.2.3";
  private static final int PORT = 54327;

  public static void main(String[] args) throws IOException {
    Verticle verticle = switch (String.join(" ", args).replaceFirst(" .*", "")) {
      case "Receiver" -> new Receiver();
      case "Sender" -> new Sender();
      case "Member" -> new Member(args[1]);
      default -> throw new IllegalArgumentException("Receiver, Sender or Member NAME?");
    };
    // Hazelcast warns of much that is as it should be here.
    Logger.getLogger("").setLevel(Level.SEVERE);

    String address = multicastAddress();
    System.out.println("Starting clustering at " + address + "...");
    Vertx.builder()
        .with(new VertxOptions().setEventBusOptions(new EventBusOptions().setHost(address)))
        .withClusterManager(new HazelcastClusterManager(hazelcast(address)))
        .buildClustered()
        .compose(vertx -> vertx.deployVerticle(verticle))
        .onSuccess(id -> System.out.println("Ready!"))
        .onFailure(error -> {
          error.printStackTrace();
          System.exit(1);
        });
  }

  /** A container has two addresses. Others reach the one that its multicast leaves from; the kernel knows which. */
  private static String multicastAddress() throws IOException {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.connect(InetAddress.getByName(GROUP), PORT);
      return socket.getLocalAddress().getHostAddress();
    }
  }

  private static Config hazelcast(String address) {
    Config config = ConfigUtil.loadConfig();
    // Clusters of different names on one network do not see each other.
    config.setClusterName(System.getenv().getOrDefault("CLUSTER_NAME", "event-bus"));
    NetworkConfig network = config.getNetworkConfig();
    network.getInterfaces().setEnabled(true).addInterface(address);
    network.getJoin().getAutoDetectionConfig().setEnabled(false);
    network.getJoin().getMulticastConfig().setEnabled(true)
        .setMulticastGroup(GROUP)
        .setMulticastPort(PORT)
        // Members that start in the same second may miss each other: listen longer than the usual two seconds …
        .setMulticastTimeoutSeconds(5);
    // … and if two clusters come to be all the same, unite them within seconds instead of minutes.
    config.setProperty("hazelcast.merge.first.run.delay.seconds", "10");
    config.setProperty("hazelcast.merge.next.run.delay.seconds", "5");
    // The few members of an example need not gather before the first of them may join.
    config.setProperty("hazelcast.wait.seconds.before.join", "1");
    config.setProperty("hazelcast.phone.home.enabled", "false");
    return config;
  }
}
