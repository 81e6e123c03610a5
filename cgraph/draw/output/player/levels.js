// Pictures of one run at several levels, of which one is seen: zooming out shows fewer boxes, zooming in more. Each is a player of its own
// (player.js); the moment, the numbers that were changed and the node in focus are carried over.
'use strict';
function CGraphLevels(box) {
  var sections = [].slice.call(box.querySelectorAll('.cgraph-player')), at = sections.findIndex(function (s) { return !s.hidden; });
  function go(to, focus) {
    if (to < 0 || to >= sections.length || to === at) return false;
    var from = sections[at].player, into = sections[to].player, state = from.state();
    sections[at].hidden = true;
    sections[to].hidden = false;
    // Back where one came from, without having stepped: the moment that was left.
    var came = sections[at].came, frame = came && came.to === to && came.here === state.frame ? came.there : moment(state.frame, from.phases, into.phases);
    sections[to].came = { to: at, here: frame, there: state.frame };
    at = to;
    into.take(state, frame);
    (focus && sections[at].querySelector(focus) || sections[at]).focus({ preventScroll: true });
    return true;
  }
  function moment(frame, from, into) {  // the frame of the same phase, as far through it
    var phase = from[frame], mine = places(from, phase), theirs = places(into, phase);
    if (!theirs.length) return Math.round(frame / Math.max(1, from.length - 1) * (into.length - 1));
    return theirs[Math.round((mine.indexOf(frame) + 1) / mine.length * theirs.length) - 1] || theirs[0];
  }
  function places(phases, phase) { return phases.map(function (p, k) { return p === phase ? k : -1; }).filter(function (k) { return k >= 0; }); }
  sections.forEach(function (section, k) {
    var bar = section.querySelector('.bar');
    [['out', '−', 'zoom out: fewer boxes (−)', -1], ['in', '+', 'zoom in: more boxes (+)', 1]].forEach(function (b) {
      var button = document.createElement('button');
      button.type = 'button';
      button.className = 'level ' + b[0];
      button.textContent = b[1];
      button.title = b[2];
      button.setAttribute('aria-label', b[2]);
      button.setAttribute('aria-disabled', !sections[k + b[3]]);
      button.addEventListener('click', function () { go(at + b[3], '.level.' + b[0]); });
      bar.appendChild(button);
    });
    section.querySelector('.stage').addEventListener('wheel', function (e) {  // a pinch on a touchpad, or Ctrl and the wheel
      if (!e.ctrlKey) return;
      e.preventDefault();
      if (Math.abs(e.deltaY) > 4 && e.timeStamp - go.last > 400) { go.last = e.timeStamp; go(at + (e.deltaY > 0 ? -1 : 1)); }
    }, { passive: false });
    section.addEventListener('dblclick', function (e) {
      var node = e.target.closest('.node');
      if (node && section.player.folded(node)) go(at + 1);
    });
  });
  go.last = -1e9;
  document.addEventListener('keydown', function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) || !(box.contains(e.target) || e.target === document.body)) return;
    if (e.key === '+' || e.key === '=') go(at + 1);
    else if (e.key === '-' || e.key === '_') go(at - 1);
  });
}
