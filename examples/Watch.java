// Follow alarms as a named consumer, miss none; Java 17 or newer and Gson:
// java -cp gson.jar Watch.java http://127.0.0.1:8000 TOKEN NAME
import com.google.gson.*;
import java.net.URI;
import java.net.http.*;
import java.util.*;
import java.util.concurrent.*;

public class Watch implements WebSocket.Listener {
  static final Map<String, Integer> revisions = new HashMap<>(); // a second delivery changes nothing
  static final HttpClient http = HttpClient.newHttpClient();
  final CompletableFuture<Void> ended = new CompletableFuture<>();
  final StringBuilder text = new StringBuilder();
  long last = -1, heard = System.nanoTime();

  public static void main(String[] given) throws Exception {
    var place = URI.create(given[0].replaceFirst("^http", "ws") + "/ws/v1/alarms");
    var wish = "{\"op\":\"subscribe\",\"sub\":\"a\",\"filter\":{\"tier_min\":\"yellow\"},\"from\":{\"consumer\":\"%s\"}}";
    for (long pause = 500; ; pause = Math.min(2 * pause, 10_000)) {
      var watch = new Watch();
      try {
        var socket = http.newWebSocketBuilder().subprotocols("fengsui.alarm.v1+json")
            .header("Authorization", "Bearer " + given[1]).buildAsync(place, watch).get(20, TimeUnit.SECONDS);
        socket.sendText(wish.formatted(given[2]), true);
        while (!watch.ended.isDone() && System.nanoTime() - watch.heard < 15e9) Thread.sleep(200);
        socket.abort(); // it ended, or nothing came for 15 s: a server that is there beats every second
        if (watch.last >= 0) pause = 500;
      } catch (ExecutionException | TimeoutException broken) { System.err.println(broken.getMessage()); }
      Thread.sleep(pause);
    }
  }

  public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean whole) {
    text.append(part);
    heard = System.nanoTime();
    if (whole) { take(socket, JsonParser.parseString(text.toString()).getAsJsonObject()); text.setLength(0); }
    socket.request(1);
    return null;
  }

  public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
    System.err.println(code + " " + reason);
    if (code == 4401 || code == 4403) System.exit(1); // this token is not let in
    ended.complete(null);
    return null;
  }

  public void onError(WebSocket socket, Throwable broken) { ended.complete(null); }

  void take(WebSocket socket, JsonObject frame) {
    switch (frame.get("op").getAsString()) {
      case "subscribed", "snapshot_end" -> last = frame.get("offset").getAsLong();
      case "urgent" -> show(frame.getAsJsonObject("event"));
      case "error", "goaway" -> System.err.println(frame);
      case "event", "heartbeat" -> {
        if (frame.has("snapshot")) { show(frame.getAsJsonObject("event")); return; }
        if (frame.get("prev").getAsLong() != last) { ended.complete(null); return; } // a gap: ask again
        if (!frame.has("event")) return;
        show(frame.getAsJsonObject("event"));
        last = frame.get("offset").getAsLong();
        socket.sendText("{\"op\":\"ack\",\"sub\":\"a\",\"offset\":" + last + "}", true);
      }
      default -> { }
    }
  }

  static void show(JsonObject event) {
    var alarm = event.getAsJsonObject("data");
    var rev = alarm.get("rev").getAsInt();
    if (rev <= revisions.getOrDefault(alarm.get("id").getAsString(), 0)) return;
    revisions.put(alarm.get("id").getAsString(), rev);
    System.out.println(event.get("type") + " " + alarm.get("tier") + " " + event.get("subject") + " " + alarm.getAsJsonObject("message").get("zh"));
  }
}
