import io.vertx.core.AbstractVerticle;

/** Publishes the news, once a second. */
public class Sender extends AbstractVerticle {
  @Override
  public void start() {
    vertx.setPeriodic(1000, timer -> vertx.eventBus().publish("news-feed", "Some news!"));
  }
}
