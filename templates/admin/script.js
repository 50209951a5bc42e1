
// The admin page, in addition. It saves round trips: a button with data-swap sends its form in the background and replaces parts of the page
// by those of the answer, so that nothing else moves and nothing that was typed is lost.
"use strict";
(function () {
  var said = document.getElementById("said");

  function say(text) {
    if (said) {
      said.textContent = text;
    }
  }

  function replace(selector, answer) {
    var fresh = answer.querySelector(selector);
    var old = document.querySelector(selector);
    if (fresh && old) {
      old.replaceWith(document.importNode(fresh, true));
    } else if (fresh) { // it is new: it goes where the answer has it, at the beginning of the form
      document.querySelector("form.settings").prepend(document.importNode(fresh, true));
    } else if (old) {
      old.remove();
    }
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("button[data-swap]");
    if (!button || !window.fetch || !button.form) {
      return;
    }
    event.preventDefault();
    var form = button.form;
    var data = new URLSearchParams(new FormData(form));
    data.set(button.name, button.value);
    form.setAttribute("aria-busy", "true");
    say("Working…");
    fetch(form.action, { method: "POST", body: data, redirect: "manual", headers: { "Accept": "text/html" } }).then(function (response) {
      if (response.type === "opaqueredirect" || !/^text\/html/.test(response.headers.get("Content-Type") || "")) {
        throw new Error("another page");
      }
      return response.text();
    }).then(function (text) {
      var answer = new DOMParser().parseFromString(text, "text/html");
      if (!answer.querySelector("form.settings")) {
        throw new Error("another page");
      }
      form.removeAttribute("aria-busy");
      button.dataset.swap.split(" ").forEach(function (selector) { replace(selector, answer); });
      say("Done");
      var at = document.querySelector(button.dataset.focus);
      if (at) {
        at.focus();
      }
    }).catch(function () { // the usual way shows what is wrong
      form.removeAttribute("aria-busy");
      button.removeAttribute("data-swap");
      button.click();
    });
  });

  // What was typed and not saved is not lost by accident.
  var form = document.querySelector("form.settings");
  if (form) {
    var leaving = false;
    var typed = false;
    form.addEventListener("input", function () { typed = true; });
    form.addEventListener("submit", function () { leaving = true; });
    window.addEventListener("beforeunload", function (event) {
      if (typed && !leaving) {
        event.preventDefault();
      }
    });
  }
})();
