"""Signing in and out, the language of the screens, and the first access of an installation."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth import login, password_validation, views
from django.contrib.auth.forms import AuthenticationForm
from django.core.validators import MaxLengthValidator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import check_for_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language

from conversations import clock
from operators import presence, setup, subscribing
from operators.models import Operator

DEMO_PEOPLE = (
    {"username": "ana", "initials": "AM", "hue": "hue-8", "role": _("operator")},
    {"username": "bia", "initials": "BR", "hue": "hue-10", "role": _("operator")},
    {"username": "caio", "initials": "CN", "hue": "hue-5", "role": _("supervisor")},
)


class LoginForm(AuthenticationForm):
    def clean_username(self) -> str:
        """A name that is too long for the database is simply a wrong one: nobody has it."""
        name = str(self.cleaned_data["username"])
        if len(name) > cast(int, Operator._meta.get_field("username").max_length):
            raise self.get_invalid_login_error()
        return name


class Login(views.LoginView):
    """``?demo=ana`` only fills in the user name; ``?expired=1`` says why one is here."""

    template_name = "registration/login.html"
    authentication_form = LoginForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wanted = request.GET.get("demo")
        if (
            request.user.is_authenticated
            and request.method == "GET"
            and wanted in {None, request.user.username}
        ):
            return HttpResponseRedirect(self.get_success_url())
        return cast(HttpResponse, super().dispatch(request, *args, **kwargs))

    def get_initial(self) -> dict[str, Any]:
        return {"username": self._filled_in()}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            **kwargs,
            demo_people=DEMO_PEOPLE,
            filled_in=self._filled_in(),
            expired="expired" in self.request.GET,
        )

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        speak(response, cast(Operator, self.request.user).language)
        return response

    def _filled_in(self) -> str:
        return self.request.GET.get("demo", "")[:150]


def speak(response: HttpResponse, language: str) -> None:
    """Let the screens speak this language from here on, when it is one of the product's."""
    if language not in dict(settings.LANGUAGES):
        return
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )


class Logout(views.LogoutView):
    """Whoever signs out is gone at once, not only when their presence expires."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, Operator):
            presence.leave(request.user, now=clock.now())
            subscribing.sign_out(request.user, request.session.session_key or "")
        return super().post(request, *args, **kwargs)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Change the language and stay on the page (``next``); an operator keeps it for the next login."""
    wanted = request.POST.get("language", "")
    if request.user.is_authenticated and wanted in dict(settings.LANGUAGES) and check_for_language(wanted):
        Operator.objects.filter(pk=request.user.pk).update(language=wanted)
    return set_language(request)


class FirstAccessForm(forms.Form):
    name = forms.CharField(label=_("Your name"), max_length=150)
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        validators=[Operator.username_validator, MaxLengthValidator(150)],
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=512,
        help_text=_("At least 12 characters. A few words that only you put together work well."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("Password again"),
        strip=False,
        max_length=512,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.fields["name"].widget.attrs["autocomplete"] = "name"
        self.fields["username"].widget.attrs |= {"autocomplete": "username", "autocapitalize": "none"}
        for field in self.fields.values():
            field.widget.attrs["class"] = "inp"

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        password = given.get("password")
        if password and given.get("again") and password != given["again"]:
            self.add_error("again", _("The two passwords differ."))
        if password:
            person = Operator(username=given.get("username", ""), first_name=given.get("name", ""))
            try:
                password_validation.validate_password(password, person)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return given


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def first_access(request: HttpRequest, token: str) -> HttpResponse:
    """Where the printed link leads. A used, old or invented link is a page that does not exist."""
    if not setup.valid(token):
        raise Http404
    form = FirstAccessForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(
            request,
            "registration/first.html",
            {"form": form},
            status=422 if request.method == "POST" else 200,
        )
    given = form.cleaned_data
    supervisor = setup.create_supervisor(
        username=given["username"], name=given["name"], password=given["password"]
    )
    if supervisor is None:
        return redirect(reverse("login"))
    login(request, supervisor, backend="django.contrib.auth.backends.ModelBackend")
    return redirect(settings.LOGIN_REDIRECT_URL)


urlpatterns = [
    path("login/", Login.as_view(), name="login"),
    path("logout/", Logout.as_view(), name="logout"),
    path("language/", language, name="set_language"),
    path("first/<str:token>/", first_access, name="first_access"),
]
