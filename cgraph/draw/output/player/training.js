// Gradient descent in the page: the cost and the gradient of the parameter in focus, step by step. `page` is the player around it: its
// program, its numbers now, how to set them, and what shows them (player.js).
'use strict';
function CGraphTraining(page, parameters) {
  var SVG = 'http://www.w3.org/2000/svg', past = [], at = 0, learner = null, MOST_PAST = 2e6;  // numbers that the steps taken may hold in all
  school();
  return { sketch: sketch, forget: function () { past = []; } };
  function school() {
    var box = page.make('details', 'training'), inner = page.make('div'), rate = page.make('input'), label = page.make('label', '', 'learning rate '), bar = page.make('div', 'bar');
    box.appendChild(page.make('summary', '', 'Train it here'));
    rate.type = 'number';
    rate.step = 'any';
    rate.value = page.rate;
    label.appendChild(rate);
    bar.appendChild(label);
    [1, 10, 100].forEach(function (many) {
      var b = page.make('button', '', many === 1 ? '1 step' : many + ' steps');
      b.type = 'button';
      b.addEventListener('click', function () { learn(many); });
      bar.appendChild(b);
    });
    inner.appendChild(bar);
    var curve = document.createElementNS(SVG, 'svg'), scrub = page.make('input'), told = page.make('p', 'still');
    curve.setAttribute('class', 'curve');
    curve.setAttribute('viewBox', '0 0 400 120');
    curve.setAttribute('role', 'img');
    scrub.type = 'range';
    scrub.min = scrub.value = scrub.max = 0;
    scrub.setAttribute('aria-label', 'step of the training');
    [curve, scrub, told].forEach(function (e) { inner.appendChild(e); });
    scrub.addEventListener('input', function () { go_to(+scrub.value); });
    curve.addEventListener('pointermove', function (e) { if (e.buttons || e.pointerType === 'mouse' && e.buttons) seek(e); });
    curve.addEventListener('pointerdown', seek);
    function seek(e) {
      var r = curve.getBoundingClientRect();
      go_to(Math.round(Math.min(1, Math.max(0, (e.clientX - r.left) / r.width)) * (past.length - 1)));
    }
    box.appendChild(inner);
    page.below.after(box);
    learner = { rate: rate, curve: curve, scrub: scrub, told: told };
    box.addEventListener('toggle', sketch);
  }
  function snapshot() {
    var now = page.now(), sizes = {}, kept = {};
    parameters.forEach(function (k) { sizes[k] = Math.max.apply(null, [].map.call(now.G[k], Math.abs)); kept[k] = now.V[k]; });
    return { kept: kept, sizes: sizes, cost: now.V[page.program.root][0] };
  }
  function learn(many) {
    var rate = +learner.rate.value, held = parameters.reduce(function (t, k) { return t + page.now().V[k].length; }, 0);
    if (!(rate > 0)) { learner.told.textContent = 'The learning rate is a number above 0.'; return; }
    past = past.slice(0, at + 1);
    if (!past.length) { past = [snapshot()]; at = 0; }
    for (; many > 0 && past.length * held < MOST_PAST; many--) {
      var now = page.now(), moved = {};
      parameters.forEach(function (k) { moved[k] = now.V[k].map(function (v, j) { return v - rate * now.G[k][j]; }); });
      page.set(moved);
      past.push(snapshot());
    }
    at = past.length - 1;
    page.reveal();
    page.refresh();
  }
  function go_to(k) {
    if (!past[k]) return;
    at = k;
    page.set(past[k].kept);
    page.refresh();
  }
  function sketch() {  // two curves, one above the other, each from 0 or its least to its largest
    var curve = learner.curve, focus = parameters.indexOf(page.focus()) >= 0 ? page.focus() : parameters[0], many = past.length;
    var slope = '∂' + page.name(page.program.root) + '/∂' + page.name(focus), one = page.program.nodes[focus].d.length === 1;
    curve.textContent = '';
    curve.style.display = many > 1 ? '' : 'none';
    learner.scrub.hidden = many < 2;
    learner.scrub.max = Math.max(0, many - 1);
    learner.scrub.value = at;
    if (many < 2) { learner.told.textContent = 'Each step takes every parameter against its gradient: w ← w − rate · ∂' + page.name(page.program.root) + '/∂w.'; return; }
    function part(tag, attributes, words) {
      var e = document.createElementNS(SVG, tag);
      for (var a in attributes) e.setAttribute(a, attributes[a]);
      if (words) e.textContent = words;
      curve.appendChild(e);
    }
    [[past.map(function (p) { return p.cost; }), 0, 'cost', page.name(page.program.root)],
      [past.map(function (p) { return p.sizes[focus]; }), 60, 'slope', one ? '|' + slope + '|' : 'largest |' + slope + '|']].forEach(function (row) {
      var finite = row[0].filter(isFinite), high = Math.max.apply(null, finite), low = Math.min(0, Math.min.apply(null, finite)), every = Math.ceil(many / 400), points = [];
      row[0].forEach(function (v, k) {
        if (isFinite(v) && (k % every === 0 || k === many - 1)) points.push((k / (many - 1) * 400).toFixed(1) + ',' + (row[1] + 56 - (high > low ? (v - low) / (high - low) : 0) * 40).toFixed(1));
      });
      part('polyline', { points: points.join(' '), 'class': row[2] });
      part('text', { x: 398, y: row[1] + 12, 'text-anchor': 'end', 'class': row[2] }, row[3] + ': ' + page.number(row[0][0]) + ' → ' + page.number(row[0][at]));
    });
    part('line', { x1: at / (many - 1) * 400, x2: at / (many - 1) * 400, y1: 14, y2: 118, 'class': 'at' });
    learner.told.textContent = 'After ' + at + ' of ' + (many - 1) + ' steps: ' + page.name(page.program.root) + ' = ' + page.number(past[at].cost) + '. Drag along the curves to go back.';
    curve.setAttribute('aria-label', learner.told.textContent);
  }
}
