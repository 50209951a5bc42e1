// Everything works without this script. It adds buttons that copy a value, and opens what a link points to.
"use strict";
(function () {
  var status = document.querySelector("[role=status]");

  function copy(text) {
    if (navigator.clipboard && window.isSecureContext) {
      return navigator.clipboard.writeText(text);
    }
    return new Promise(function (resolve, reject) { // over plain http, and in old browsers
      var area = document.createElement("textarea");
      area.value = text;
      area.setAttribute("readonly", "");
      area.className = "skip";
      document.body.appendChild(area);
      area.select();
      var done = document.execCommand("copy");
      area.remove();
      (done ? resolve : reject)();
    });
  }

  // Another script tells that parts of the page are new.
  function prepare() {
    document.querySelectorAll("button.copy[hidden]").forEach(prepareCopy);
  }

  function prepareCopy(button) {
    var label = button.textContent;
    var timer;
    button.hidden = false;
    button.addEventListener("click", function () {
      copy(button.dataset.copy).then(function () {
        button.textContent = button.dataset.copied;
        if (status) {
          status.textContent = button.dataset.copied;
        }
        clearTimeout(timer);
        timer = setTimeout(function () {
          button.textContent = label;
          if (status) {
            status.textContent = "";
          }
        }, 2000);
      }, function () {});
    });
  }
  document.addEventListener("shown", prepare);
  prepare();

  // An iPad says that it is a Mac, but a Mac has no touchscreen.
  var address = document.querySelector("form.address");
  if (address && navigator.maxTouchPoints > 1 && navigator.userAgent.indexOf("Macintosh") >= 0) {
    var program = document.createElement("input");
    program.type = "hidden";
    program.name = "program";
    program.value = "ios";
    address.appendChild(program);
  }

  // After a mistake, the field is where to go on.
  var wrong = document.querySelector("[aria-invalid=true]");
  if (wrong) {
    wrong.focus();
  }
})();
