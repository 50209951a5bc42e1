
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

  // show replaces a part of the page by that of an answer.
  function show(selector, answer, focus) {
    document.querySelector(selector).replaceWith(document.importNode(answer.querySelector(selector), true));
    document.dispatchEvent(new Event("shown"));
    say("Done");
    var at = document.querySelector(focus);
    if (at) {
      at.focus();
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
      return response.text().then(function (text) {
        var answer = new DOMParser().parseFromString(text, "text/html");
        if (!answer.querySelector("form.settings")) {
          throw new Error("another page");
        }
        form.removeAttribute("aria-busy");
        if (response.ok) {
          show(button.dataset.swap, answer, button.dataset.focus);
        } else {
          show("main", answer, "[role=alert]");
        }
      });
    }).catch(function () { // the usual way shows what is wrong
      form.removeAttribute("aria-busy");
      button.removeAttribute("data-swap");
      button.click();
    });
  });

  // A form whose answer takes long says so.
  document.addEventListener("submit", function (event) {
    leaving = true;
    if (event.target.dataset.slow) {
      say(event.target.dataset.slow);
      event.target.setAttribute("aria-busy", "true");
    }
  });

  // What was typed and not saved is not lost by accident.
  var leaving = false;
  var typed = false;
  document.addEventListener("input", function (event) {
    typed = typed || Boolean(event.target.closest("form.settings"));
  });
  window.addEventListener("beforeunload", function (event) {
    if (typed && !leaving) {
      event.preventDefault();
    }
  });
})();
