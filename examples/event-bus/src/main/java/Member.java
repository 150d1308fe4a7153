import io.vertx.core.AbstractVerticle;

/** Publishes numbered news under its name, once a second, and prints those of all others. */
public class Member extends AbstractVerticle {
  private final String name;
  private long number;

  public Member(String name) {
    this.name = name;
  }

  @Override
  public void start() {
    vertx.eventBus().<String>consumer("member-news", news -> {
      if (!news.body().endsWith(" from " + name)) System.out.println("Received news " + news.body());
    });
    vertx.setPeriodic(1000, timer -> vertx.eventBus().publish("member-news", ++number + " from " + name));
  }
}
