import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";
import { notice } from "./notice.ts";
import { ThemeButton } from "./shell.ts";

/** The frame of the pages before sign-in: the mark, a title and one card. */
export function Door({ title, line, children }: { title: string; line: Children; children: Children }) {
  return html`<main class="login" id="main">
    <div class="stack stack-6 door">
      <div class="stack door-head">
        ${icon("logo", "mark mark-lg")}
        <div>
          <h1>${title}</h1>
          <p class="faint fs13">${line}</p>
        </div>
      </div>
      ${children}
      <p class="door-foot"><${ThemeButton} kind="sm icon" /></p>
    </div>
  </main>`;
}

/** Why nobody can sign in over this connection, and how to put TLS in front. */
export function InsecureTransport() {
  return html`<section class="card pad-5 stack" aria-labelledby="insecure">
    ${notice(
      "warn",
      html`<b id="insecure">You cannot sign in over this connection</b>
        <span
          >This page came over plain HTTP. Anyone on the way could read your password and take over your session.</span
        >`,
    )}
    <h2>Put TLS in front</h2>
    <p class="fs13 dim">Run a reverse proxy on the server's machine. With Caddy, this is the whole file:</p>
    <div class="cmd">
      <pre>
${location.hostname} {
  reverse_proxy 127.0.0.1:8080
}</pre>
    </div>
    <p class="fs13 dim">
      Tell the server that the proxy speaks for its clients, restart it, and open the https address:
    </p>
    <div class="cmd"><pre>RM_TRUSTED_PROXY=127.0.0.1</pre></div>
    <h2>Or use a tunnel</h2>
    <p class="fs13 dim">Over SSH the server is on your own machine, which needs no TLS:</p>
    <div class="cmd"><pre>ssh -L 8080:127.0.0.1:8080 ${location.hostname}</pre></div>
    <p class="fs12 faint">Then open http://127.0.0.1:8080. In a lab, RM_ALLOW_HTTP=1 allows sign-in over plain HTTP.</p>
  </section>`;
}
