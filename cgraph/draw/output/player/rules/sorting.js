// Sorting, searching, and entries picked at a place that is computed. Numbers that are equal share what comes back.
'use strict';
CGraphInterpreter.learn(function (kit) {
  function rising(a, b) { return a < b ? -1 : a > b ? 1 : (a !== a) - (b !== b); }  // NaN last
  function ordered(node, x) {  // for each line its places in rising order
    return kit.lines(node, x.length).map(function (line) {
      return line.map(function (k, i) { return i; }).sort(function (a, b) { return rising(x[line[a]], x[line[b]]) || a - b; });
    });
  }
  function tieMean(node, v, by) {
    var r = kit.zeros(v.length);
    kit.lines(node, v.length).forEach(function (line) {
      line.forEach(function (k) {
        var same = line.filter(function (j) { return j === k || by[j] === by[k]; });
        r[k] = same.reduce(function (t, j) { return t + v[j]; }, 0) / same.length;
      });
    });
    return r;
  }
  function sorted(node, x, visit) {  // visit(place in the result, place it came from)
    var orders = ordered(node, x);
    kit.lines(node, x.length).forEach(function (line, l) { line.forEach(function (k, i) { visit(k, line[orders[l][i]]); }); });
  }
  function place(better) {  // of the first NaN, or else of the first of the best
    return { value: function (node, x) {
      return Float64Array.from(kit.lines(node, x[0].length), function (line) {
        var best = 0;
        line.forEach(function (k, i) { var top = x[0][line[best]]; if (top === top && (better(x[0][k], top) || x[0][k] !== x[0][k])) best = i; });
        return best;
      });
    } };
  }
  function quantifier(start, f) { return { value: function (node, x) { return kit.perGroup(node, x[0], start, f); } }; }
  // Where each picked entry stands: a first place `q`, and `z` a step of its index.
  function source(node, index) {
    return node.q.map(function (first, k) { var i = index[node.h ? node.h[k] : k]; return first + node.z * (i < 0 ? i + node.n : i); });
  }
  function pick(places, x) { return Float64Array.from(places, function (j) { return x[j]; }); }
  function put(places, u, n) {
    var r = kit.zeros(n);
    places.forEach(function (j, k) { r[j] += u[k]; });
    return r;
  }
  var taking = {
    value: function (node, x) { return pick(source(node, x[1]), x[0]); },
    vjp: function (node, i, u, out, x) { return put(source(node, x[1]), u, x[0].length); }
  };
  var adding = {
    value: function (node, x) { return put(source(node, x[1]), x[0], kit.size(node.s)); },
    vjp: function (node, i, u, out, x) { return pick(source(node, x[1]), u); }
  };
  return {
    sort: {
      value: function (node, x) { var r = kit.zeros(x[0].length); sorted(node, x[0], function (k, from) { r[k] = x[0][from]; }); return r; },
      vjp: function (node, i, u, out, x) {
        var shared = tieMean(node, u, out), r = kit.zeros(u.length);
        sorted(node, x[0], function (k, from) { r[from] = shared[k]; });
        return r;
      }
    },
    argsort: { value: function (node, x) {
      var r = kit.zeros(x[0].length), orders = ordered(node, x[0]);
      kit.lines(node, r.length).forEach(function (line, l) { line.forEach(function (k, i) { r[k] = orders[l][i]; }); });
      return r;
    } },
    argmax: place(function (a, b) { return a > b; }),
    argmin: place(function (a, b) { return a < b; }),
    tie_mean: {
      value: function (node, x) { return tieMean(node, x[0], x[1]); },
      vjp: function (node, i, u, out, x) { return tieMean(node, u, x[1]); }
    },
    searchsorted: { value: function (node, x) {
      return x[1].map(function (v) { return x[0].filter(function (a) { return rising(a, v) < (node.y === 'right' ? 1 : 0); }).length; });
    } },
    any: quantifier(0, function (a, b) { return +(a !== 0 || b !== 0); }),
    all: quantifier(1, function (a, b) { return +(a !== 0 && b !== 0); }),
    take: taking,
    take_along_axis: taking,
    add_taken: adding,
    add_along_axis: adding
  };
});
