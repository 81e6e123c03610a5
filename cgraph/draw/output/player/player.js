// One player: a picture whose states are stepped through, that says everything about a node, writes out the chain rule, and computes
// anew when a number is changed. `data` is what cgraph/draw/output/player wrote beside it; `interpreter.js` does the arithmetic.
'use strict';
function CGraphPlayer(root, wholePage) {
  var data = JSON.parse(root.querySelector('script[type="application/json"]').textContent), live = data.live, n = data.frames.length;
  var calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches, prefix = root.id + '-', i = -1, timer = null, chosen = null;
  function $(css) { return root.querySelector(css); }
  function all(css) { return [].slice.call(root.querySelectorAll(css)); }
  function make(tag, css, words) {
    var e = document.createElement(tag);
    if (css) e.className = css;
    if (words !== undefined) e.textContent = words;
    return e;
  }
  var stage = $('.stage'), svg = $('.stage svg'), top = $('.top'), title = $('h2'), caption = $('.words p'), about = $('.about'),
    chain = $('.chain'), step = $('.worked'), said = $('.said'), slider = $('input[type=range]'), zoom = $('.zoom'), numbers = $('.numbers');
  var inked = [];
  all('[data-k]').forEach(function (e) { inked[+e.getAttribute('data-k')] = e; });
  function group(id) { return document.getElementById(prefix + id); }
  function hidden(what, id) { return data.frames[i].hide[what].indexOf(id) >= 0; }

  // --- numbers as the pictures write them ---------------------------------------------------------------------------------------
  function number(v, digits, style) { return CGraphNumber(v, digits === undefined ? live.digits || 3 : digits, style, single ? 1.2e-7 : 2.3e-16); }
  var usual = live.digits || 3;
  function format(a, decimals) {  // one style for all entries of an array: as many decimals as the largest needs
    var largest = Math.max.apply(null, [].map.call(a, Math.abs));
    if (a.length < 2 || [].every.call(a, Number.isInteger) || !(largest >= 1e-7 && largest < 1e4)) return '';
    return 'f' + (decimals + Math.max(0, -2 - Math.floor(Math.log10(largest))));
  }
  function printed(a, decimals) { var style = format(a, decimals); return [].map.call(a, function (v) { return number(v, decimals, style); }); }
  function read(a, decimals) { return decimals === Infinity ? a : printed(a, decimals).map(CGraphNumber.parse); }
  // The digits with which `attempt` of the numbers as they are printed gives the result as it is printed, and the sign between the two.
  function settled(attempt, result) {
    var d = CGraphNumber.enough(attempt, printed(result, usual), usual, +format(result, usual).slice(1) || usual);
    return { digits: d < 0 ? usual : d, sign: d < 0 ? ' ≈ ' : ' = ' };
  }
  function bracketed(words) { return words[0] === '−' ? '(' + words + ')' : words; }

  // --- the graph, its values now, and the numbers that stand for them ---------------------------------------------------------------
  var program = live.program, single = !!program && program.nodes.some(function (node) { return node.f; }), base = null, now = null, edited = {}, bound = [], lines = live.lines || [], still = live.still || '';
  if (program) start();
  function start() {
    var lacks = CGraphInterpreter.missing(program);
    if (lacks.length) { still = 'the page has no rule for ' + lacks.join(', '); return; }
    CGraphInterpreter.load(program);
    base = now = CGraphInterpreter.compute(program);
    for (var k in live.expect) {  // the engine is right; a page that disagrees with it keeps quiet
      var mine = k[0] === 'v' ? base.V[+k.slice(1)] : base.G[+k.slice(1)], near = single ? 1e-4 : 1e-9;
      if (!mine || !live.expect[k].every(function (v, j) {
        v = Number(v); return v === mine[j] || (v !== v && mine[j] !== mine[j]) || Math.abs(v - mine[j]) <= near * Math.max(1, Math.abs(v));
      })) { still = 'the page and the engine differ'; base = now = null; return; }
    }
    var matrix = [];  // what is bound of the matrix whose rows are being read
    all('text[data-t]').forEach(function (text) {
      if (/[⎡\[]/.test(text.textContent)) matrix = [];
      var parts = ((live.texts || {})[text.closest('g[id]').id.slice(prefix.length)] || {})[text.getAttribute('data-t')];
      if (!parts) return;
      if (parts[0] === '?') { bound.push({ text: text }); return; }
      var original = text.textContent, at = 0, column = 0;
      text.textContent = '';
      parts.forEach(function (part, j) {
        if (typeof part === 'string') { text.appendChild(document.createTextNode(part)); at += part.length; return; }
        var end = j + 1 < parts.length && parts[j + 1] ? original.indexOf(parts[j + 1], at) : original.length;
        if (j + 2 === parts.length && parts[j + 1]) end = original.length - parts[j + 1].length;
        var span = document.createElementNS(svg.namespaceURI, 'tspan'), last = text.lastChild, style = part[part.length - 1], row = /^[mf]/.test(style);
        span.textContent = original.slice(at, end);
        if (row && last) {  // the spaces that align a column belong to its numbers
          var wide = /([⎡⎢⎣\[]?\s)(\s*)$/.exec(last.data) || ['', '', ''];
          last.data = last.data.slice(0, last.data.length - wide[2].length);
          span.textContent = wide[2] + span.textContent;
        }
        span.setAttribute('class', 'num');
        if (style !== 'h') span.setAttribute('data-q', part[0]);
        text.appendChild(span);
        var b = { span: span, part: part, original: span.textContent, before: original.slice(Math.max(0, at - 2), at), matrix: row && matrix, column: column++ };
        if (row) matrix.push(b);
        bound.push(b);
        at = end;
      });
    });
  }
  function array(key) {
    var a = key.slice(1).split('.').map(Number);
    switch (key[0]) {
      case 'v': return now.V[a[0]];
      case 'g': return now.G[a[0]];
      case 'r': return [live.rate];
      case 'u': return now.V[a[0]].map(function (v, k) { return v - live.rate * now.G[a[0]][k]; });
      case 'q': return now.V[a[0]].map(function (v) { return CGraphInterpreter.ELEMENTWISE.sigmoid[0](v); });
      case 'c': return CGraphInterpreter.RULES.softmax.value(program.nodes[a[0]], [now.V[program.nodes[a[0]].p[0]]]);
      case 'm': return stats(array(key.slice(1)));
      case 'l': return now.local(a[0], a[1]);
      case 's': return now.share(a[0], a[1]);
      case 'x': case 'y': return [live.units[a[0]].reduce(function (most, m) {
        return ((key[0] === 'x' ? now.V : now.G)[m] || []).reduce(function (t, v) { return Math.max(t, Math.abs(v)); }, most);
      }, 0)];
      case 'o': return now.G[a[1]].map(function (v, k) { return v - now.share(a[0], a[1])[k]; });
      case 'e': return now.localAt(a[0], a[1]);
      case 'h': return now.shareAt(a[0], a[1]);
    }
  }
  function stats(entries) {
    var some = entries.filter(isFinite), all_ = some.length ? some : entries;
    return [Math.min.apply(null, all_), all_.reduce(function (t, v) { return t + v; }, 0) / all_.length, Math.max.apply(null, all_)];
  }
  function bars(entries) {  // how the entries are distributed, in eight bars
    var some = [].filter.call(entries, isFinite), low = Math.min.apply(null, some), wide = Math.max.apply(null, some) - low, bins = [0, 0, 0, 0, 0, 0, 0, 0];
    if (!(wide > 0)) return '';
    some.forEach(function (v) {
      var k = Math.min(7, Math.floor((v - low) / wide * 8));
      if (v < low + k * wide / 8) k--;
      else if (k < 7 && v >= low + (k + 1) * wide / 8) k++;
      bins[k]++;
    });
    return bins.map(function (n) { return '▁▂▃▄▅▆▇█'[Math.floor(7 * n / Math.max.apply(null, bins))]; }).join('');
  }
  function look(reference) {
    var dot = reference.lastIndexOf('.'), found = array(reference.slice(0, dot));
    return found ? found[+reference.slice(dot + 1)] : NaN;
  }
  function isEdited() { return Object.keys(edited).length > 0; }
  function written(part, original, before) {  // the number behind a part, in the width and manner of the picture
    var factor = part.length === 3 ? part[1] : 1, style = part[part.length - 1], signed = style[0] === 'b';
    if (signed) style = style.slice(1);
    if (style === 'h') return bars(array(part[0]));
    var s = number(look(part[0]) / factor, live.digits, style);
    if (s[0] === '−' && (signed || (original[0] !== '−' && /[·×+−⊙] ?$/.test(before) && style !== 'm'))) s = '(' + s + ')';
    return s;
  }
  // A matrix in one format, column under column, as the pictures write it.
  function aligned(rows) {
    var values = rows.map(function (b) { return look(b.part[0]) / (b.part.length === 3 ? b.part[1] : 1); }), widths = [];
    var style = 'f' + CGraphNumber.decimals(values, live.digits || 3, single ? 1.2e-7 : 2.3e-16);
    rows.forEach(function (b, k) {
      b.words = number(values[k], live.digits, style);
      widths[b.column] = Math.max(widths[b.column] || 0, b.words.length);
    });
    rows.forEach(function (b) { while (b.words.length < widths[b.column]) b.words = '\u00a0' + b.words; });
  }
  function rewrite() {
    if (isEdited()) bound.forEach(function (b) { if (b.matrix && b.matrix[0] === b) aligned(b.matrix); });
    bound.forEach(function (b) {
      if (b.text) { b.text.classList.toggle('stale', isEdited()); return; }
      var words = !isEdited() ? b.original : b.matrix ? b.words : written(b.part, b.original, b.before);
      if (words !== b.span.textContent) {
        b.span.textContent = words;
        b.span.classList.add('fresh');
        setTimeout(function () { b.span.classList.remove('fresh'); }, 400);
        fit(b.span.parentNode);
      }
    });
  }
  // A browser sets a text up to a twentieth wider than the engine measured it, and another font wider still: what would touch the border
  // of its box is condensed.
  function fit(text) {
    var node = text.closest('.node'), frame = node && frameOf(node);
    text.removeAttribute('textLength');
    if (!frame) return;
    var b = text.getBBox(), clear = Math.max(5, Math.min(8, b.x - frame.x)), room = frame.x + frame.width - clear - b.x;
    if (b.width <= room || room < 0.6 * b.width) return;
    text.setAttribute('textLength', room.toFixed(1));
    text.setAttribute('lengthAdjust', 'spacingAndGlyphs');
  }
  function frameOf(node) {
    if (!node.frame) [].forEach.call(node.children, function (e) {
      if (e.tagName === 'text') return;
      var b = e.getBBox();
      if (!node.frame || b.width * b.height > node.frame.width * node.frame.height) node.frame = b;
    });
    return node.frame && node.frame.width ? node.frame : null;
  }
  function sentence(k, which) {  // the title or the caption of a frame, with the numbers as they are now
    var words = data.frames[k][which ? 'caption' : 'title'].split('\n')[0], parts = lines[k] && lines[k][which];
    if (!isEdited() || !parts) return words;
    if (parts[0] === '?') return words.split(/[:=]/)[0];
    return parts.map(function (p) { return typeof p === 'string' ? p : written(p, '', ''); }).join('').split('\n')[0];
  }
  function change(node, k, v) {
    if (!isFinite(v) || !now || still) return;
    var moved = edited[node] || Float64Array.from(program.nodes[node].d);
    moved[k] = program.nodes[node].f ? Math.fround(v) : v;
    training.forget();
    set(node, moved);
    recompute();
  }
  function set(node, moved) {
    edited[node] = moved;
    if (moved.every(function (x, j) { return x === program.nodes[node].d[j]; })) delete edited[node];
  }
  // Widths: how large each gradient is, against the largest of the picture, by orders of magnitude.
  var widths = $('.widths');
  function swell() {
    var on = widths && widths.getAttribute('aria-pressed') === 'true', sizes = {}, largest = 0;
    Object.keys(live.arrows || {}).forEach(function (id) {
      var s = now && now.share(live.arrows[id][0], live.arrows[id][1]);
      sizes[id] = s ? Math.max.apply(null, [].map.call(s, Math.abs)) : 0;
      largest = Math.max(largest, isFinite(sizes[id]) ? sizes[id] : 0);
    });
    Object.keys(sizes).forEach(function (id) {
      var g = group(id), line = g && g.querySelector('path');
      if (line) line.style.strokeWidth = on ? (sizes[id] > 0 ? Math.max(0.5, Math.min(9, 7 + 2.2 * Math.log10(sizes[id] / largest))) : 0.5) + 'px' : '';
    });
  }
  function recompute() {
    now = isEdited() ? CGraphInterpreter.compute(program, edited) : base;
    root.classList.toggle('edited', isEdited());
    rewrite();
    swell();
    words();
    worked();
    strip();
    if (chosen) tell(chosen);
    training.sketch();
    fields.forEach(function (f) {
      var v = now.V[f.node][f.k];
      if (document.activeElement !== f.input || +f.input.value !== v) f.input.value = +v.toPrecision(program.nodes[f.node].f ? 7 : 12);
      f.input.classList.toggle('moved', v !== program.nodes[f.node].d[f.k]);
    });
    clearTimeout(recompute.timer);
    recompute.timer = setTimeout(function () { label_(); said.textContent = story.speak(name(program.root) + ' = ' + number(now.V[program.root][0])); }, 600);
  }

  // --- frames ---------------------------------------------------------------------------------------------------------------------
  function words() {
    title.textContent = sentence(i, 0);
    caption.textContent = sentence(i, 1);
  }
  function show(k) {
    k = Math.max(0, Math.min(n - 1, k));
    var first = i < 0, letters = data.film.frames[k], before = first ? '' : data.film.frames[i];
    i = k;
    inked.forEach(function (e, j) {
      if (letters[j] === before[j]) return;
      var lookNow = data.film.looks[letters[j]];
      ['fill', 'stroke', 'stroke-width', 'stroke-dasharray'].forEach(function (a) {
        if (lookNow[a] === undefined) e.removeAttribute(a); else e.setAttribute(a, lookNow[a]);
      });
      e.classList.toggle('off', lookNow['class'] === 'off');
    });
    words();
    if (slider) {
      slider.value = i;
      slider.setAttribute('aria-valuetext', data.frames[i].title);
      $('.at').textContent = (i + 1) + ' / ' + n;
      // Not `disabled`: a button that switches itself off would lose the focus.
      ['first', 'back'].forEach(function (go) { button(go).setAttribute('aria-disabled', i === 0); });
      ['next', 'last'].forEach(function (go) { button(go).setAttribute('aria-disabled', i === n - 1); });
    }
    root.setAttribute('data-frame', i);
    label_();
    if (!first) said.textContent = story.tell();
    worked();
    strip();
    place(first);
    if (chosen) tell(chosen);
  }
  function known(id) {  // what may be said about a node at this moment
    return (data.about[id] || []).filter(function (pair) {
      if (pair[0] === 'value') return !hidden('value', id);
      if (pair[0] === 'local gradient') return !hidden('local', id);
      return pair[0][0] !== '∂' || !hidden('grad', id);
    });
  }
  function spoken(id) {
    var node = nodeOf(id);
    return story.speak(known(id).filter(function (p) { return p[0] !== 'shape' && p[0] !== 'built by' && p[1].length < 120; }).map(function (p) {
      var key = p[0] === 'value' ? 'v' : p[0][0] === '∂' ? 'g' : '', a = key && now && node >= 0 && array(key + node);
      return p[0] + ' ' + (a ? story.heard(a, program.nodes[node].s) : isEdited() ? p[1].replace(/ = [−\d.·⁻⁰-⁹]+$/, '') : p[1]);
    }).join(', '));
  }
  function label_() { Object.keys(data.about).forEach(function (id) { var g = group(id); if (g) g.setAttribute('aria-label', spoken(id)); }); }
  function name(node) { return program.nodes[node].t || program.nodes[node].o || '·'; }
  function cardOf(id) {
    if (data.folded.indexOf(id) >= 0) return -1;
    for (var c = 0; program && c < program.cards.length; c++) if (program.nodes[program.cards[c].r].x === id) return c;
    return -1;
  }
  function nodeOf(id) {
    if (data.folded.indexOf(id) >= 0) return -1;
    for (var k = program ? program.nodes.length - 1 : -1; k >= 0; k--) if (program.nodes[k].x === id) return k;
    return -1;
  }

  // --- what is in view: the node at work and what comes out of it -------------------------------------------------------------------
  function region(k, ids) {  // in the units of the drawing: [left, top, right, bottom]; of arrows, the texts
    var found = null, viewed = svg.viewBox.baseVal, moved = svg.firstElementChild.transform.baseVal.consolidate(), tx = moved ? moved.matrix.e : 0, ty = moved ? moved.matrix.f : 0;
    (ids || data.frames[k].see).forEach(function (id) {
      var g = group(id);
      if (!g) return;
      var inner = g.classList.contains('edge') ? [].slice.call(g.querySelectorAll('text')) : [g];
      (inner.length ? inner : [g]).forEach(function (e) {
        var b = e.getBBox();
        if (!b.width) return;
        var box = [b.x + tx, b.y + ty, b.x + b.width + tx, b.y + b.height + ty];
        found = found ? [Math.min(found[0], box[0]), Math.min(found[1], box[1]), Math.max(found[2], box[2]), Math.max(found[3], box[3])] : box;
      });
    });
    return found || [0, 0, viewed.width, viewed.height];
  }
  var whole = false;
  function settle() {  // the same room for the words of every frame, so that the picture stays where it is
    [[title, 0], [caption, 1]].forEach(function (pair) {
      var words = pair[0].textContent, most = 0;
      pair[0].style.minHeight = '';
      for (var k = 0; k < n; k++) {
        pair[0].textContent = sentence(k, pair[1]);
        most = Math.max(most, pair[0].offsetHeight);
      }
      pair[0].textContent = words;
      pair[0].style.minHeight = Math.min(most, 5 * 18) + 'px';
    });
  }
  function place(jump, was) {  // `was`: where the picture stood before, from where it moves here
    var full = data.film.size, view = svg.viewBox.baseVal, narrow = root.clientWidth < 700;
    // A tall picture on a wide screen has what is said about it beside it; else it stands below, with a constant part of the screen.
    var free = window.innerHeight - (wholePage ? root.offsetTop : 0) - top.offsetHeight - 24, roomy = root.clientWidth >= 1000;
    var aside = roomy && full[0] * 0.7 < root.clientWidth * 0.64 && full[1] > free - 110;
    root.classList.toggle('aside', aside);
    var high = Math.max(260, free - (aside ? 0 : narrow ? (stage.clientWidth < 0.72 * full[0] ? 230 : 190) : 110)), wide = stage.clientWidth - 2;
    $('.panel').style.maxHeight = aside ? high + 'px' : '';
    if (wide <= 0) return;
    var fit = Math.min(1, wide / full[0], high / full[1]), scale = fit;
    if (!whole && fit < 0.72) {  // then a part of it, as large as its steps allow
      scale = Math.min(1, Math.max(fit, 0.9));
      for (var k = 0; k < n; k++) {
        var r = region(k), w = (r[2] - r[0] + 24) * full[0] / view.width, h = (r[3] - r[1] + 24) * full[1] / view.height;
        scale = Math.min(scale, Math.max(wide / w, 0.62), Math.max(high / h, 0.62));
      }
      scale = Math.max(scale, fit);
    }
    var tall = Math.min(high, full[1] * scale);
    // A frame that is about no single node shows the whole, where that can be read; from there the next one comes nearer.
    if (!data.frames[i].active && fit >= 0.42) scale = fit;
    if (!jump && place.scale && Math.abs(scale / place.scale - 1) > 0.05) { was = svg.getBoundingClientRect(); jump = true; }
    place.scale = scale;
    stage.style.minHeight = tall + 'px';
    stage.style.maxHeight = high + 'px';
    svg.style.width = full[0] * scale + 'px';
    svg.style.height = full[1] * scale + 'px';
    zoom.hidden = fit >= 0.72 && !whole;
    zoom.textContent = whole ? 'larger' : narrow ? 'whole' : 'whole picture';
    zoom.setAttribute('aria-pressed', whole);
    var sight = region(i), unit = full[0] / view.width * scale;
    // What does not fit around the node at work is written below the picture, too: the node itself stays in the middle.
    if ((sight[2] - sight[0]) * unit > stage.clientWidth && data.frames[i].active) sight = region(i, [data.frames[i].active]);
    var box = sight.map(function (v) { return v * unit; });
    var left = (box[0] + box[2]) / 2 - stage.clientWidth / 2, topmost = (box[1] + box[3]) / 2 - stage.clientHeight / 2;
    stage.scrollTo({ left: left, top: topmost, behavior: jump || calm ? 'instant' : 'smooth' });
    narrows = narrow && full[0] * scale > stage.clientWidth + 8;
    sides();
    if (was) glide(was, svg.getBoundingClientRect(), 1);
  }
  // The picture moves from where a part of it stood to where that part stands now.
  function glide(from, to, start) {
    if (calm || !svg.animate || !from.width || !to.width) return;
    var k = Math.max(0.25, Math.min(4, from.width / to.width)), o = svg.getBoundingClientRect();
    var dx = from.left + from.width / 2 - o.left - k * (to.left + to.width / 2 - o.left), dy = from.top + from.height / 2 - o.top - k * (to.top + to.height / 2 - o.top);
    stage.style.overflow = 'hidden';
    svg.style.transformOrigin = '0 0';
    svg.animate([{ transform: 'translate(' + dx + 'px,' + dy + 'px) scale(' + k + ')', opacity: start }, { transform: 'none', opacity: 1 }], { duration: 350, easing: 'ease-in-out' }).onfinish = function () { stage.style.overflow = ''; };
  }
  function focused() { var g = group(data.frames[i].active || chosen || ''); return (g || svg).getBoundingClientRect(); }
  // On a narrow screen, what stands beside the node at work and is cut off: a tap brings it into view.
  var narrows = false, at_sides = $('.beside');
  function cut(id) {
    var g = group(id), b = g && g.getBoundingClientRect(), s = stage.getBoundingClientRect();
    if (!b || b.bottom < s.top + 12 || b.top > s.bottom - 12) return '';
    return b.left < s.left - 4 ? 'left' : b.right > s.right + 4 ? 'right' : '';
  }
  function sides() {
    at_sides.hidden = !narrows;
    if (!narrows) return;
    at_sides.textContent = '';
    Object.keys(data.tones).filter(function (id) { return id === data.frames[i].active || /data|parameter/.test(data.tones[id]); }).forEach(function (id) {
      var side = cut(id), node = nodeOf(id);
      if (!side || node < 0) return;
      var b = make('button', side, (side === 'left' ? '◀ ' : '') + name(node) + (side === 'right' ? ' ▶' : ''));
      b.type = 'button';
      b.setAttribute('data-bring', id);
      b.setAttribute('aria-label', 'show ' + story.speak(name(node)));
      at_sides.appendChild(b);
    });
  }
  function bring(id) {
    var g = group(id), b = g && g.getBoundingClientRect(), s = stage.getBoundingClientRect();
    if (!b || (b.left >= s.left && b.right <= s.right && b.top >= s.top && b.bottom <= s.bottom)) return;
    stage.scrollTo({ left: stage.scrollLeft + (b.left + b.right - s.left - s.right) / 2, top: stage.scrollTop + (b.top + b.bottom - s.top - s.bottom) / 2, behavior: calm ? 'instant' : 'smooth' });
  }
  stage.addEventListener('scroll', function () { clearTimeout(sides.timer); sides.timer = setTimeout(sides, 120); });

  // --- everything about a node --------------------------------------------------------------------------------------------------------
  function tell(id) {
    if (!data.about[id]) return;
    chosen = id;
    all('.node.chosen').forEach(function (g) { g.classList.remove('chosen'); });
    if (group(id)) group(id).classList.add('chosen');
    var list = make('dl'), node = nodeOf(id);
    function row(key, value, css) {
      list.appendChild(make('dt', '', key));
      var dd = make('dd', css || '');
      if (typeof value === 'string') dd.textContent = value; else dd.appendChild(value);
      list.appendChild(dd);
    }
    known(id).forEach(function (pair) {
      var gradient = pair[0][0] === '∂', key = pair[0] === 'value' ? 'v' : gradient ? 'g' : '';
      if (key && now && node >= 0 && array(key + node)) {
        row(pair[0], entries(key + node, program.nodes[node].s) || (isEdited() ? story.heard(array(key + node), program.nodes[node].s) : pair[1]));
        if (gradient) witness(node, row, now.G[node]);
      } else if (gradient && program && (live.expect || {})['g' + node]) {
        row(pair[0], pair[1]);
        witness(node, row, live.expect['g' + node].map(Number));
      } else if (pair[0] === 'local gradient' && isEdited()) row(pair[0], pair[1].replace(/ = [−\d.·⁻⁰-⁹]+$/, ''));
      else row(pair[0], pair[1], pair[0] === 'built by' ? 'code' : '');
    });
    about.textContent = '';
    about.appendChild(list);
  }
  function digits(v) { return Number.isInteger(v) && Math.abs(v) < 1e6 ? String(v).replace('-', '−') : String(+v.toPrecision(12)).replace('-', '−'); }
  function entries(key, s, decimals) {  // an array as a table whose entries can be pointed at
    var a = array(key);
    if (a.length > 48) return null;
    if (a.length === 1) return digits(a[0]);
    var words = printed(a, decimals || 5);
    var table = make('table', 'matrix'), columns = s.length ? s[s.length - 1] : 1, tr;
    a.forEach(function (v, k) {
      if (k % columns === 0) { tr = make('tr'); table.appendChild(tr); }
      var td = make('td'), b = make('button', 'entry', words[k]);
      b.type = 'button';
      b.title = digits(v);
      b.setAttribute('data-q', key + '.' + k);
      b.tabIndex = k ? -1 : 0;  // one stop for the Tab key; the arrow keys go on from there
      td.appendChild(b);
      tr.appendChild(td);
    });
    return table;
  }
  // The witness: what a difference of two forward passes says about a gradient, entry by entry.
  function witness(node, row, g) {
    var w = [], k, worst = 0, error = 0, leaf = !program.nodes[node].o;
    if (!isEdited()) w = (live.witness || {})[node] || [];
    else if (leaf && g.length <= 24) for (k = 0; k < g.length; k++) { var d = CGraphInterpreter.difference(program, node, k, now); w.push([d.value, d.error]); }
    if (!w.length) return;
    w.forEach(function (pair, k) { worst = Math.max(worst, Math.abs(Number(pair[0]) - g[k])); error = Math.max(error, Number(pair[1])); });
    var size = Math.max.apply(null, [].map.call(g, Math.abs)), well = worst <= 10 * error + (single ? 1e-4 : 1e-9) * Math.max(1, size);
    var good = Math.max(1, Math.min(14, Math.floor(-Math.log10(Math.max(error, 1e-14) / Math.max(size, 1e-3)))));
    var o = name(program.root), x = name(node), quotient = '(' + o + '(' + x + '+h) − ' + o + '(' + x + '−h)) / 2h';
    row('witness', w.length === 1 ? quotient + ' = ' + String(+Number(w[0][0]).toPrecision(good)).replace('-', '−') + (well ? ' ✓' : ' ✗ does not agree: is there a kink?')
      : quotient + ', entry by entry: largest difference ' + number(worst, 1) + (well ? ' ✓' : ' ✗ does not agree: is there a kink?'), well ? 'well' : 'ill');
  }

  // --- this step in numbers: the formula of the node at work, with the numbers in the places of its operands --------------------------
  var NAME = /∂[^\s/]+\/∂[\p{Lu}\p{Ll}\p{Lo}\p{M}_\d]+[₀-₉ₐ-ₜ⁽⁾⁰-⁹′]*|[\p{Lu}\p{Ll}\p{Lo}\p{M}_][\p{Lu}\p{Ll}\p{Lo}\p{M}_\d]*[₀-₉ₐ-ₜ⁽⁾⁰¹²³⁴-⁹′]*/gu;
  function worked() {
    step.textContent = $('.sum').textContent = '';
    if (!now) return;
    var frame = data.frames[i], c = cardOf(frame.active), objective = '∂' + name(program.root);
    if (frame.phase === 'update' && live.rate) program.nodes.forEach(function (node, k) {
      if (node.k === 'parameter' && node.x && now.G[k] && step.children.length < 8) line(name(k) + ' ←', '', [['v' + k, k], ' − ', ['r'], ' · ', ['g' + k, k]], ['u' + k, k], function (p) {
        return p('v' + k).map(function (v, j) { return v - p('r')[0] * p('g' + k)[j]; });
      });
    });
    if (c < 0) return;
    var card = program.cards[c], r = card.r, known = {};
    if (frame.phase !== 'back') {
      if (hidden('value', frame.active)) return;
      card.e.forEach(function (e) { known[name(e[0])] = ['v' + e[0], e[0]]; });
      var said_ = (live.formula[c] || '').split(' = '), left = said_.length > 1 ? said_.shift() : name(r);
      line(left + ' =', said_.join(' = '), filled(said_.join(' = '), known), ['v' + r, r], replay);
      return;
    }
    card.e.forEach(function (e) { known[name(e[0])] = ['v' + e[0], e[0]]; });
    known[name(r)] = ['v' + r, r];
    known[objective + '/∂' + name(r)] = ['g' + r, r];
    live.chain[c].forEach(function (row) {
      var to = row[0], users = 0, whole = row[1].indexOf(objective + '/∂') === 0, left = objective + '/∂' + name(to), local = now.local(c, to);
      program.cards.forEach(function (other) { other.e.forEach(function (e) { if (e[0] === to) users++; }); });
      if (users > 1) left = 'share of ' + left;
      var up = objective + '/∂' + name(r), plain = local && now.G[r] && (local.length === now.G[r].length);
      if (r !== program.root && !whole && plain)
        line(left + ' =', up + (local.length > 1 ? ' ⊙ ' : ' · ') + row[1], [['g' + r, r], local.length > 1 ? ' ⊙ ' : ' · ', ['l' + c + '.' + to, r]], ['s' + c + '.' + to, to],
          function (p) { return p('g' + r).map(function (u, k) { return u * p('l' + c + '.' + to)[k]; }); }, to);
      else if (r !== program.root || local === undefined || whole) line(left + ' =', row[2], filled(row[2], known), ['s' + c + '.' + to, to], replay, to);
    });
    function replay(p, keys, to) {  // the card's own arithmetic with the numbers that its formula shows
      var given = {};
      keys.forEach(function (key) { if (key[0] === 'v') given[key.slice(1)] = p(key); });
      program.cards[c].n.forEach(function (m) { program.nodes[m].p.forEach(function (k) {  // numbers within the formula are rounded, too
        var d = program.nodes[k].d;
        if (!known[name(k)] && d && d.length === 1 && !Number.isInteger(1 / d[0])) given[k] = read(d, usual);
      }); });
      return CGraphInterpreter.replay(program, c, now, given, to !== undefined && (keys.indexOf('g' + r) >= 0 ? p('g' + r) : now.G[r]), to);
    }
  }
  function filled(words, known) {  // a formula taken apart: texts, and [key, node] where an operand stands; null when none does
    var parts = [], at = 0, found = false, m;
    if (/…/.test(words)) return null;
    NAME.lastIndex = 0;
    while ((m = NAME.exec(words))) {
      var symbol = m[0], bare = symbol.replace(/[⁰¹²³⁴-⁹]+$/, ''), hit = known[symbol] || known[bare];
      if (!hit) continue;
      if (m.index > at) parts.push(words.slice(at, m.index));
      parts.push(hit);
      at = m.index + (known[symbol] ? symbol : bare).length;
      found = true;
    }
    if (at < words.length) parts.push(words.slice(at));
    return found ? parts : null;
  }
  function line(left, words, parts, result, attempt, to) {
    var row = make('div', 'line'), head = make(to === undefined ? 'span' : 'button', 'head', left + ' '), before = '';
    if (to !== undefined) { head.type = 'button'; head.setAttribute('data-node', program.nodes[to].x); }
    row.appendChild(head);
    var last = figure(result, usual), sign = ' = ', shown = (parts || []).map(function (p) { return typeof p === 'string' ? p : figure(p, usual); });
    if (words && (!last || words !== last.textContent)) row.appendChild(make('span', 'words', words)); else words = '';
    if (last && shown.length && shown.every(Boolean)) {
      var keys = parts.filter(Array.isArray).map(function (p) { return p[0]; });
      var found = settled(function (d) { return attempt(function (key) { return read(array(key), d); }, keys, to); }, array(result[0]));
      sign = found.sign;
      if (found.digits > usual) shown = parts.map(function (p) { return typeof p === 'string' ? p : figure(p, found.digits); });
    }
    if (shown.length && shown.every(Boolean)) {
      if (words) row.appendChild(make('span', 'op', ' = '));
      shown.forEach(function (p, j) {
        if (typeof p === 'string') { row.appendChild(make('span', 'op', p)); before = p; return; }
        if (j && (/[\d)]$/.test(before) || before === null)) row.appendChild(make('span', 'op', ' · '));
        var alone = p.classList.contains('stack') || !j || (/\($/.test(before) && /^\)(?![²³⁴-⁹⁻ⁿ])/.test(shown[j + 1]));
        if (!alone) p.textContent = /·/.test(p.textContent) ? '(' + p.textContent + ')' : bracketed(p.textContent);
        row.appendChild(p);
        before = null;
      });
    }
    if (last) { if (words || shown.length) row.appendChild(make('span', 'op', sign)); last.classList.add('result'); row.appendChild(last); }
    step.appendChild(row);
  }
  function figure(of, decimals) {  // a number, or a matrix with its name; null for what is too large
    var a = array(of[0]), key = of[0][0], node = of[1];
    if (!a) return null;
    if (a.length === 1) {
      var one = make('span', 'value', number(a[0], decimals));
      one.setAttribute('data-q', of[0] + '.0');
      return one;
    }
    var s = a.length === now.V[node].length ? program.nodes[node].s : [a.length], table = entries(of[0], s, decimals);
    if (!table) return null;
    var stack = make('span', 'stack ' + (key === 'v' ? '' : key === 'l' ? 'local' : key === 'u' ? 'changed' : 'gradient'));
    stack.appendChild(table);
    return stack;
  }

  // --- a frame as a story: story.js ----------------------------------------------------------------------------------------------------------
  var story = CGraphStory({
    program: program, name: name, printed: printed, number: number, usual: usual, hidden: hidden, cardOf: cardOf, rules: live.chain, rate: live.rate,
    now: function () { return now; }, frame: function () { return data.frames[i]; }, sentence: function (which) { return sentence(i, which); }
  });

  // --- the chain rule of the node in focus: chain.js ---------------------------------------------------------------------------------------
  var strip = CGraphChain({
    program: program, data: data, chain: chain, step: step, make: make, name: name, nodeOf: nodeOf, cardOf: cardOf, hidden: hidden,
    number: number, usual: usual, read: read, settled: settled, entries: entries,
    now: function () { return now; }, frame: function () { return data.frames[i]; }, chosen: function () { return chosen; }
  });

  // --- one entry of a matrix: the row and the column that made it -------------------------------------------------------------------------
  function same(a, b) { return a && b && a.length === b.length && [].every.call(a, function (v, k) { return v === b[k]; }); }
  function light(key, ks, css) {
    var keys = [key], mine = array(key);
    if (key[0] !== 'v') bound.forEach(function (b) {  // the same numbers stand elsewhere too: a share is the gradient that arrives
      if (!b.span) return;
      var other = b.part[0].slice(0, b.part[0].lastIndexOf('.'));
      if (other[0] !== 'v' && keys.indexOf(other) < 0 && same(array(other), mine)) keys.push(other);
    });
    all('[data-q]').forEach(function (e) {
      var q = e.getAttribute('data-q'), dot = q.lastIndexOf('.');
      if (keys.indexOf(q.slice(0, dot)) >= 0 && ks.indexOf(+q.slice(dot + 1)) >= 0) e.classList.add(css);
    });
  }
  function dim() { ['lit', 'lit2', 'here'].forEach(function (css) { all('.' + css).forEach(function (e) { e.classList.remove(css); }); }); }
  function dims(node) {
    var s = program.nodes[node].s, wide = s.length ? s[s.length - 1] : 1;  // rows, of which a stack of matrices has more
    return [wide ? program.nodes[node].s.reduce(function (a, b) { return a * b; }, 1) / wide : 0, wide];
  }
  function explain(reference) {
    dim();
    var dot = reference.lastIndexOf('.'), key = reference.slice(0, dot), k = +reference.slice(dot + 1), a = key.slice(1).split('.').map(Number);
    if (!now || (array(key) || []).length < 2) return;
    light(key, [k], 'here');
    var sum = $('.sum'), r = null;
    if (key[0] === 'v') r = value(a[0], k);
    else if (key[0] === 'g' || key[0] === 's') r = gradient(key[0] === 's' ? a[1] : a[0], k, key[0] === 's' ? a[0] : -1);
    if (!r) { sum.textContent = ''; return; }
    light(r.a[0], r.a[1], 'lit');
    if (r.b) light(r.b[0], r.b[1], 'lit2');
    var result = [array(key)[k]], found = settled(function (d) {
      return [r.terms.reduce(function (t, factors) { return t + factors.reduce(function (q, v) { return q * read([v], d)[0]; }, 1); }, 0)];
    }, result);
    var said_ = r.terms.map(function (factors) { return factors.map(function (v) { return bracketed(number(v, found.digits)); }).join(' × '); });
    if (said_.length > 16) said_.splice(8, said_.length - 12, '… (' + (said_.length - 12) + ' more)');
    sum.textContent = r.words + ' = ' + said_.join(' + ') + found.sign + number(result[0]);
  }
  function where(node, k) {
    var d = dims(node), s = program.nodes[node].s;
    if (s.length > 2) return ' [' + s.map(function (n, j) { return Math.floor(k / s.slice(j + 1).reduce(function (a, b) { return a * b; }, 1)) % n + 1; }).join(', ') + ']';
    return ' [row ' + (Math.floor(k / d[1]) + 1) + ', column ' + (k % d[1] + 1) + ']';
  }
  function products(A, B, pairs) { return pairs.map(function (p) { return [A[p[0]], B[p[1]]]; }); }
  function inside(c, op) { return program.cards[c].n.filter(function (m) { return program.nodes[m].o === op; }); }
  function value(node, k) {  // an entry of a product: a row of the left times a column of the right
    var c = cardOf(program.nodes[node].x), m = c < 0 ? [] : inside(c, 'matmul'), sums = c < 0 ? [] : inside(c, 'contract');
    if (sums.length === 1 && !m.length && same(program.nodes[sums[0]].s, program.nodes[node].s)) return products_(sums[0], -1, k, node, name(node) + where(node, k));
    if (m.length !== 1 || flat(m[0]) || !same(program.nodes[m[0]].s, program.nodes[node].s)) return null;
    var p = program.nodes[m[0]].p, A = dims(p[0]), B = dims(p[1]), row = Math.floor(k / B[1]), column = k % B[1], pairs = [];
    for (var t = 0; t < A[1]; t++) pairs.push([row * A[1] + t, t * B[1] + column]);
    var terms = products(now.V[p[0]], now.V[p[1]], pairs), rest = now.V[node][k] - now.V[m[0]][k];
    if (node !== m[0] && rest !== 0) terms.push([rest]);
    return { a: ['v' + p[0], pairs.map(function (q) { return q[0]; })], b: ['v' + p[1], pairs.map(function (q) { return q[1]; })], terms: terms, words: name(node) + where(node, k) };
  }
  function flat(m) { return program.nodes[m].p.some(function (p) { return program.nodes[p].s.length > 2; }); }  // a stack: not written out
  // An entry of a sum of products (einsum, convolution), or with i >= 0 of what comes back to its operand i: the products that lead there.
  function products_(m, i_, k, node, words) {
    var p = program.nodes[m].p, at = CGraphInterpreter.RULES.contract.places(program.nodes[m]), out = at[p.length], into = i_ < 0 ? out : at[i_], keys = [], factors = [], ts = [];
    for (var t = 0; t < into.length; t++) if (into[t] === k) ts.push(t);
    if (i_ >= 0) { keys.push('g' + m); factors.push([now.G[m], out]); }
    p.forEach(function (q, j) { if (j !== i_) { keys.push('v' + q); factors.push([now.V[q], at[j]]); } });
    var terms = ts.map(function (t) { return factors.map(function (f) { return f[0][f[1][t]]; }); }), lit = factors.map(function (f, j) { return [keys[j], ts.map(function (t) { return f[1][t]; })]; });
    var rest = i_ < 0 ? now.V[node][k] - now.V[m][k] : 0;
    if (node !== m && rest !== 0) terms.push([rest]);
    return ts.length ? { a: lit[0], b: lit[1], terms: terms, words: words } : null;
  }
  function gradient(node, k, c) {
    var users = [];
    program.cards.forEach(function (card, j) { card.e.forEach(function (e) { if (e[0] === node && (c < 0 || j === c) && now.share(j, node)) users.push([j, e[1]]); }); });
    if (users.length !== 1 || users[0][1].length !== 1) return null;
    var place = users[0][1][0], m = place[0], i_ = place[1], rule = program.nodes[m], left = '∂' + name(program.root) + '/∂' + name(node) + where(node, k), pairs = [], t;
    var U = now.G[m], key = 'g' + m, other;
    if (rule.o === 'contract') return products_(m, i_, k, node, left);
    if (rule.o === 'matmul' && !flat(m)) {
      var d = dims(node), M = dims(m), row = Math.floor(k / d[1]), column = k % d[1];
      other = rule.p[1 - i_];
      var O = dims(other);
      if (i_ === 0) for (t = 0; t < M[1]; t++) pairs.push([row * M[1] + t, column * O[1] + t]);
      else for (t = 0; t < M[0]; t++) pairs.push([t * M[1] + column, t * O[1] + row]);
      return { a: [key, pairs.map(function (p) { return p[0]; })], b: ['v' + other, pairs.map(function (p) { return p[1]; })], terms: products(U, now.V[other], pairs), words: left };
    }
    if (rule.o === 'gather' && rule.m) {
      var ks = rule.m.map(function (j, t) { return j === k ? t : -1; }).filter(function (t) { return t >= 0; });
      return ks.length > 1 ? { a: [key, ks], terms: ks.map(function (t) { return [U[t]]; }), words: left } : null;
    }
    var r = program.cards[users[0][0]].r, local = now.local(users[0][0], node), up = now.G[r];
    if (local && up && local.length === up.length && up.length > 1) return { a: ['g' + r, [k]], b: ['l' + users[0][0] + '.' + node, [k]], terms: [[up[k], local[k]]], words: left };
    return null;
  }

  // --- numbers to change --------------------------------------------------------------------------------------------------------------------
  var fields = [];
  function field(node, k) {
    var label = make('label'), input = make('input'), d = dims(node);
    label.appendChild(make('span', '', name(node) + (program.nodes[node].d.length > 1 ? ' ' + (Math.floor(k / d[1]) + 1) + ',' + (k % d[1] + 1) : '')));
    input.type = 'number';
    input.step = 'any';
    input.value = +program.nodes[node].d[k].toPrecision(program.nodes[node].f ? 7 : 12);
    input.addEventListener('input', function () { if (input.value !== '') change(node, k, +input.value); });
    input.addEventListener('keydown', function (e) {
      if (e.key !== 'ArrowUp' && e.key !== 'ArrowDown') return;
      change(node, k, +(now.V[node][k] + (e.key === 'ArrowUp' ? 1 : -1) * (e.shiftKey ? 1 : 0.1)).toPrecision(12));
      e.preventDefault();
    });
    label.appendChild(input);
    label.setAttribute('data-leaf', node + '.' + k);
    fields.push({ input: input, node: node, k: k });
    return label;
  }
  function offer() {
    var inner = $('.numbers div');
    if (!now || still || !numbers) {
      if (numbers && still) numbers.replaceWith(make('p', 'still', 'Its numbers cannot be changed here: ' + still + '.'));
      else if (numbers) numbers.remove();
      return;
    }
    program.nodes.forEach(function (node, m) {
      if ((node.k !== 'parameter' && node.k !== 'input') || node.d.length > 16 || fields.length + node.d.length > 80) return;
      var set = make('fieldset');
      set.style.gridTemplateColumns = 'repeat(' + Math.min(dims(m)[1], 4) + ',auto)';
      for (var k = 0; k < node.d.length; k++) set.appendChild(field(m, k));
      inner.appendChild(set);
    });
    if (!fields.length) { numbers.remove(); return; }
    var reset = make('button', 'reset', 'back to the numbers of the run');
    reset.type = 'button';
    reset.addEventListener('click', function () { edited = {}; training.forget(); recompute(); });
    inner.appendChild(reset);
    if (single) inner.appendChild(make('p', 'still', 'Computed in float32, each result rounded as NumPy rounds it; sums of many numbers may differ in the last digit, where NumPy adds in another order.'));
    if (n > 1) {
      var hint = $('.about p');
      if (hint) hint.textContent += ' Drag a number of an input or a parameter, and everything is computed anew.';
    }
  }
  // Steps of gradient descent, where the root is a cost: training.js.
  var training = { sketch: function () {}, forget: function () {} };
  function train() {
    var able = now && !still && n > 1 && program.seed && program.seed.length === 1 && Number(program.seed[0]) === 1, parameters = [];
    if (able) program.nodes.forEach(function (node, k) { if (node.k === 'parameter' && node.w) parameters.push(k); });
    if (parameters.length) training = CGraphTraining({
      program: program, below: numbers, make: make, number: number, name: name, rate: live.rate || 0.1,
      now: function () { return now; },
      focus: function () { return chosen ? nodeOf(chosen) : -1; },
      set: function (moved) { for (var k in moved) set(k, moved[k]); now = CGraphInterpreter.compute(program, edited); },
      refresh: recompute,
      reveal: function () { if (hidden('grad', program.nodes[parameters[0]].x)) { stop(); show(n - 1); } }
    }, parameters);
  }
  // A number is dragged sideways: in the drawing, or by its label below it.
  function leafAt(target) {
    var label = target.closest('[data-leaf]'), span = target.closest('[data-q]'), node, m;
    if (label && target.tagName !== 'INPUT') return label.getAttribute('data-leaf').split('.').map(Number);
    if (span && span.getAttribute('data-q')[0] === 'v') {
      m = span.getAttribute('data-q').slice(1).split('.').map(Number);
      if (/parameter|input/.test(program.nodes[m[0]].k)) return m;
    }
    node = target.closest('.node');
    m = node && root.contains(node) ? nodeOf(idOf(node)) : -1;
    return m >= 0 && /parameter|input/.test(program.nodes[m].k) && program.nodes[m].d.length === 1 ? [m, 0] : null;
  }
  var drag = null;
  root.addEventListener('pointerdown', function (e) {
    var leaf = now && !still && e.button === 0 && leafAt(e.target);
    if (leaf) drag = { leaf: leaf, x: e.clientX, from: now.V[leaf[0]][leaf[1]], on: false };
  });
  window.addEventListener('pointermove', function (e) {
    if (!drag) return;
    var dx = e.clientX - drag.x;
    if (!drag.on && Math.abs(dx) < 4) return;
    drag.on = true;
    root.classList.add('dragging');
    change(drag.leaf[0], drag.leaf[1], +(drag.from + Math.round(dx / 2) * 0.02 * Math.max(1, Math.pow(10, Math.floor(Math.log10(Math.abs(drag.from) || 1))))).toPrecision(12));
    e.preventDefault();
  });
  ['pointerup', 'pointercancel'].forEach(function (end) { window.addEventListener(end, function () { drag = null; root.classList.remove('dragging'); }); });

  // --- buttons, keys, pointing ---------------------------------------------------------------------------------------------------------------
  function button(go) { return $('button[data-go="' + go + '"]'); }
  function label(words) { button('play').textContent = words === 'Play' ? '▶ Play' : '❚❚ Pause'; button('play').setAttribute('aria-label', words); }
  function stop() { if (timer) { clearInterval(timer); timer = null; label('Play'); } }
  function play() {
    if (timer) { stop(); return; }
    if (i === n - 1) show(0);
    label('Pause');
    timer = setInterval(function () { if (i === n - 1) stop(); else show(i + 1); }, 2200);
  }
  var go = { first: function () { show(0); }, back: function () { show(i - 1); }, next: function () { show(i + 1); }, last: function () { show(n - 1); }, play: play };
  function idOf(node) { return node.id.slice(prefix.length); }
  function pick(e) {
    var entry = e.target.closest && e.target.closest('[data-q]'), node = e.target.closest && e.target.closest('.node');
    if (drag && drag.on) return;
    if (node && root.contains(node)) { if (chosen !== idOf(node)) { tell(idOf(node)); strip(); training.sketch(); } }
    if (entry) explain(entry.getAttribute('data-q')); else dim();
  }
  root.addEventListener('click', function (e) {
    var b = e.target.closest('button');
    if (b && go[b.dataset.go]) { if (b.dataset.go !== 'play') stop(); go[b.dataset.go](); return; }
    if (b && b.dataset.card) { visit(b.dataset.card); return; }
    if (b && b.dataset.node) { tell(b.dataset.node); strip(); return; }
    if (b && b.dataset.bring) { tell(b.dataset.bring); strip(); bring(b.dataset.bring); return; }
    pick(e);
    var node = e.target.closest('.stage .node');
    if (node) bring(idOf(node));
  });
  function visit(id) {  // the step in which a card hands its gradients back
    for (var k = 0; k < n; k++) if (data.frames[k].active === id && data.frames[k].phase === 'back') { stop(); var keep = chosen; show(k); chosen = keep; break; }
    var g = group(id);
    if (g) { g.classList.add('pointed'); setTimeout(function () { g.classList.remove('pointed'); }, 1200); }
  }
  if (widths) {
    widths.hidden = !now || !Object.keys(live.arrows || {}).length;
    widths.addEventListener('click', function () { widths.setAttribute('aria-pressed', widths.getAttribute('aria-pressed') !== 'true'); swell(); });
  }
  zoom.addEventListener('click', function () { var was = svg.getBoundingClientRect(); whole = !whole; place(true, was); });
  root.addEventListener('mouseover', pick);
  root.addEventListener('focusin', pick);
  if (slider) slider.addEventListener('input', function () { stop(); show(+slider.value); });
  function key(e) {
    if (root.hidden) return;
    if (e.target.classList.contains('entry') && walk(e)) return;
    if (n < 2 || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || /^(INPUT|TEXTAREA|SELECT|SUMMARY)$/.test(e.target.tagName)) return;
    var k = { ArrowRight: 'next', ArrowLeft: 'back', Home: 'first', End: 'last', ' ': 'play' }[e.key];
    if (!k || (k === 'play' && e.target.tagName === 'BUTTON')) return;
    if (k !== 'play') stop();
    go[k]();
    e.preventDefault();
  }
  function walk(e) {  // from entry to entry of a table
    var all_ = [].slice.call(e.target.closest('table').querySelectorAll('.entry')), columns = e.target.closest('tr').children.length;
    var by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[e.key], next = by && all_[all_.indexOf(e.target) + by];
    if (!by) return false;
    e.preventDefault();
    if (next) next.focus();
    return true;
  }
  (wholePage ? document : root).addEventListener('keydown', key);
  var seenWidth = root.clientWidth;
  function resized() { if (root.clientWidth !== seenWidth) { seenWidth = root.clientWidth; settle(); place(true); } }
  if (window.ResizeObserver) new ResizeObserver(function () { requestAnimationFrame(resized); }).observe(root);
  window.addEventListener('resize', function () { settle(); place(true); });
  offer();
  train();
  show(0);
  wake();
  if (wholePage && !root.hidden) root.focus({ preventScroll: true });
  function wake() {  // what can only be measured while it is seen
    if (!root.clientWidth) return;
    settle();
    place(true);
    all('.stage .node text').forEach(fit);
  }
  root.player = {  // for the pictures of the same run at other levels
    state: function () { return { frame: i, edited: edited, chosen: chosen && nodeOf(chosen), seen: focused() }; },
    take: function (state, frame) {
      stop();
      edited = {};
      for (var k in state.edited) edited[k] = state.edited[k];
      training.forget();
      if (now) recompute();
      show(frame);
      wake();
      glide(state.seen, focused(), 0.3);
      if (state.chosen >= 0 && state.chosen !== null && program.nodes[state.chosen].x && nodeOf(program.nodes[state.chosen].x) === state.chosen) { tell(program.nodes[state.chosen].x); strip(); }
    },
    phases: data.frames.map(function (frame, k) { return frame.phase || (k && data.frames.slice(0, k).some(function (f) { return f.title.indexOf('seed') >= 0; }) ? 'back' : 'forward'); }),
    folded: function (node) { return data.folded.indexOf(idOf(node)) >= 0; }
  };
}
