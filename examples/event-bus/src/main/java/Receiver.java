import io.vertx.core.AbstractVerticle;

/** Prints the news. */
public class Receiver extends AbstractVerticle {
  @Override
  public void start() {
    vertx.eventBus().consumer("news-feed", news -> System.out.println("Received news: " + news.body()));
  }
}
