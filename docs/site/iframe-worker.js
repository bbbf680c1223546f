// Search without a server: browsers start no worker from a file, so its script runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      frame.srcdoc = "<!doctype html><script>" +
        "postMessage = message => parent.dispatchEvent(new MessageEvent('segfeed-search', { data: message }));" +
        "importScripts = (...urls) => Promise.all(urls.map(url => new Promise(done => {" +
        "const script = document.createElement('script'); script.src = url; script.onload = done;" +
        "document.head.appendChild(script) })))" +
        "</" + "script><script src=\"" + url + "\"></" + "script>"
      this.ready = new Promise(done => { frame.onload = done })
      this.frame = frame
      window.addEventListener("segfeed-search", event =>
        this.dispatchEvent(new MessageEvent("message", { data: event.data })))
      document.body.appendChild(frame)
    }
    postMessage(message) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data: message })))
    }
    terminate() { this.frame.remove() }
  }
}
