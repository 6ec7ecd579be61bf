// What pages load when it is asked for: a file of data is a script that puts its content here, for a page opened from the
// disk may load scripts of its own folder and nothing else.
"use strict";
const Data = (function () {
  const waiting = new Map(); // name: {promise, resolve}
  const root = document.currentScript.getAttribute("src").replace("static/data.js", "");

  function slot(name) {
    if (!waiting.has(name)) {
      let resolve;
      waiting.set(name, { promise: new Promise((done) => { resolve = done; }), resolve, asked: false });
    }
    return waiting.get(name);
  }

  // Return a promise of the content of `data/NAME.js`; null where there is no such file.
  function get(name) {
    const place = slot(name);
    if (!place.asked) {
      place.asked = true;
      const script = document.createElement("script");
      script.src = `${root}data/${name}.js`;
      script.addEventListener("error", () => place.resolve(null));
      document.head.append(script);
    }
    return place.promise;
  }

  function put(name, content) {
    slot(name).resolve(content);
  }

  // What the page itself brings.
  function own() {
    return JSON.parse(document.getElementById("data").textContent);
  }

  return { get, put, own };
})();
