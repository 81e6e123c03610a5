// A number as the pictures write it: what `number` and `enough` in cgraph/draw/model/text.py say, in the page. tests/draw/test_interpreter.py holds the
// two against each other.
'use strict';
var CGraphNumber = (function () {
  var RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹';
  function fixed(v, d) {  // halves to even, as Python rounds
    var t = Math.abs(v) * Math.pow(10, d), low = Math.floor(t);
    if (t - low === 0.5 && low % 2 === 0 && Number.isInteger(v * Math.pow(2, d + 1))) return (v < 0 ? '-' : '') + (low / Math.pow(10, d)).toFixed(d);
    return v.toFixed(d);
  }
  function exponential(v, d) {  // the same for powers of ten
    var s = v.toExponential(d), places = d - Number(s.split('e')[1]), size = Math.abs(v);
    var t = places < 0 ? size / Math.pow(10, -places) : size * Math.pow(10, places), low = Math.floor(t);
    if (t - low !== 0.5 || low % 2 || !Number.isInteger(size * Math.pow(2, Math.max(0, places + 1)))) return s;
    return (v < 0 ? '-' : '') + (places < 0 ? low * Math.pow(10, -places) : low / Math.pow(10, places)).toExponential(d);
  }
  function trim(s, v, noise) {  // zeros at the end are cut from what is shown whole, and kept where it was rounded
    if (s.indexOf('.') < 0) return s;
    var cut = s.replace(/\.?0+$/, '');
    return v === undefined || Math.abs(+cut - v) <= Math.max(1e-12, 4 * noise) * Math.abs(v) ? cut : s;
  }
  function raised(exponent) { return '10' + (exponent < 0 ? '⁻' : '') + String(Math.abs(exponent)).replace(/\d/g, function (c) { return RAISED[+c]; }); }
  // style "f3": three decimals, come what may, as in the rows of a matrix
  function number(v, digits, style, noise) {
    if (v !== v) return 'NaN';
    if (!isFinite(v)) return v < 0 ? '−∞' : '∞';
    if (v === 0) v = 0;
    var s, parts, exponent, mantissa;
    if (style && style[0] === 'f' && Math.abs(v) < 1e6) s = fixed(v, +style.slice(1));
    else if (v === 0) s = '0';
    else if (Math.abs(v) >= Math.pow(10, -Math.min(digits, 3)) && Math.abs(v) < 1e4) s = trim(fixed(v, digits), v, noise);
    else {
      parts = exponential(v, digits).split('e');
      exponent = +parts[1];
      mantissa = Math.abs(exponent) < 300 ? trim(parts[0], v / Math.pow(10, exponent), noise) : trim(parts[0]);
      s = mantissa === '1' ? raised(exponent) : mantissa === '-1' ? '-' + raised(exponent) : mantissa + '·' + raised(exponent);
    }
    if (/^-0\.?0*$/.test(s)) s = s.slice(1);
    return s.replace('-', '−');
  }
  // How many decimals suit all entries of a matrix: as many as the one that needs most of them; more where all are small.
  number.decimals = function (values, digits, noise) {
    var finite = values.filter(isFinite).map(Math.abs), largest = Math.max.apply(null, [0].concat(finite));
    if (largest < 1e6 && finite.every(Number.isInteger)) return 0;
    if (largest < 0.01) return digits + Math.max(0, -2 - Math.floor(Math.log10(largest)));
    return Math.max.apply(null, finite.map(function (v) { return (trim(fixed(v, digits), v, noise).split('.')[1] || '').length; }));
  };
  number.parse = function (s) {  // the inverse, up to the rounding
    s = s.replace('−', '-').replace('∞', 'Infinity');
    var power = /^(-?)(?:([\d.]+)·)?10([⁻⁰¹²³⁴-⁹]+)$/.exec(s);
    return +(power ? power[1] + (power[2] || 1) + 'e' + power[3].replace('⁻', '-').replace(/[⁰¹²³⁴-⁹]/g, function (c) { return RAISED.indexOf(c); }) : s);
  };
  function same(v, shown, digits, slack) {  // whether v, rounded as the picture rounds, is the number that is shown
    var power = /10[⁻⁰¹²³⁴-⁹]+$/.exec(shown);
    return isFinite(v) ? Math.abs(v - number.parse(shown)) <= slack * Math.pow(10, -digits) * (power ? number.parse(power[0]) : 1) : number(v) === shown;
  }
  // How many digits, up to two more than usual, it takes for what is written to give what is shown; -1 where that is not enough and "≈"
  // belongs in place of "=". `attempt(digits)` says what the numbers give as they are written, with all their digits for Infinity;
  // `shown` are of `decimals`.
  number.enough = function (attempt, shown, digits, decimals) {
    var exact = attempt(Infinity);
    function fits(given) {
      return shown.every(function (s, k) {  // half-way between two numbers a reader takes either, unless that is where the whole lies
        var close = Math.abs(given[k] - exact[k]) <= 1e-9 * Math.max(Math.abs(given[k]), Math.abs(exact[k]));
        return same(given[k], s, decimals === undefined ? digits : decimals, close ? 0.50001 : 0.49999);
      });
    }
    for (var d = digits; d < digits + 3; d++) if (fits(attempt(d))) return d;
    return -1;
  };
  return number;
})();
if (typeof module !== 'undefined') module.exports = CGraphNumber;
